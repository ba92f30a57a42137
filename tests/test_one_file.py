"""The commands for one network, as a user types them."""

import json
import re

import pytest

from tests.conftest import SEED_NETWORK
from tests.support.commands import run


class TestOneFile:
    @pytest.mark.slow
    def test_validate(self, tmp_path):
        assert run(SEED_NETWORK, module="harness.validate").returncode == 0
        bad = tmp_path / "bad.py"
        bad.write_text(SEED_NETWORK.read_text().replace("nn.Dropout(0.5)", "nn.Dropot(0.5)"))
        done = run(bad, "--json", module="harness.validate")
        assert done.returncode == 1
        assert '"gate": "build"' in done.stdout
        assert "Dropot" in done.stdout
        done = run(tmp_path / "none.py", module="harness.validate")
        assert (done.returncode, done.stdout) == (2, "")

    @pytest.mark.slow
    def test_evaluate_tells_of_each_epoch_and_trains_no_network_twice(self, tmp_path):
        settings = ("recipe.epochs=2", "task.size=16", f"runs_dir={tmp_path}")
        done = run(SEED_NETWORK, *settings, "--json", module="harness.evaluate")
        assert done.returncode == 0
        assert '"n_params": 518230' in done.stdout
        assert '"score"' in done.stdout
        assert re.fullmatch(r"epoch 1: [\d.]+ s\nepoch 2: [\d.]+ s\n", done.stderr)
        again = run(SEED_NETWORK, *settings, module="harness.evaluate")
        assert (again.returncode, again.stderr) == (0, "")
        assert "n_params: 518,230\n" in again.stdout
        measured = json.loads(done.stdout)
        for name in ("score", "train_s"):
            assert f"{name}: {measured[name]:.4g}\n" in again.stdout
        assert "validation" not in again.stdout  # it was not scored on test images

    def test_a_reason_that_the_terminal_cannot_show_is_told_all_the_same(self, tmp_path):
        bad = tmp_path / "bad.py"
        bad.write_text(SEED_NETWORK.read_text().replace("nn.Dropout(0.5)", "nn.Dropout(int('π'))"))
        done = run(bad, module="harness.validate", env={"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (1, "")
        assert "\\u03c0" in done.stdout
