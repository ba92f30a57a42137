"""The commands for one network, as a user types them."""

import json
import re

import pytest

from harness.evolution.candidate import Evaluation
from harness.evolution.genome import Genome
from harness.record.events import Data
from harness.runs.single_network import in_lines_of, tell
from tests.conftest import OWN_FUNCTIONS, SEED_NETWORK
from tests.support.commands import run


@pytest.mark.parametrize(("score", "at_chance"), [(0.08, True), (0.12, True), (0.3, False)])
def test_a_network_that_may_be_guessing_is_said_to_be_so_and_no_more(score, at_chance, capsys):
    """Of 300 images of ten classes, 36 right answers are within chance."""
    data = Data(name="digits", digest="0" * 16, kind="image_classification", chance=0.1,
                details={"n_validation": 300})  # fmt: skip
    outcome = Evaluation(score=score, n_params=9, train_s=1)
    tell(outcome, data, as_json=False)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"validation accuracy: {100 * score:.2f}%"
    assert last.startswith("The score may be that of guessing: ") == at_chance
    assert "learnt nothing" not in last  # 36 of 300 may well be above chance
    tell(outcome, data, as_json=True)
    assert json.loads(capsys.readouterr().out)["at_chance"] == at_chance


@pytest.mark.parametrize("spaces", [0, 1, 2, 3, 9])
def test_a_reason_has_the_lines_of_the_file_and_not_of_the_genome(spaces):
    """In a genome's source two empty lines precede each segment."""
    text = "\n" * spaces + "import torch\n" + "".join(
        f"{' ' * 4}\n" * spaces + f"# segment: {name}\nclass {name}:\n\n    x = '{name}'\n"
        for name in "ABC"
    )  # fmt: skip
    source = Genome.parse(text).source
    for line in ("import torch", "# segment: A", "    x = 'B'", "class C:", "    x = 'C'"):
        n, place = (one.splitlines().index(line) + 1 for one in (source, text))
        told = in_lines_of(text, source, f"it fails here (line {n}), not in line 99999")
        assert told == f"it fails here (line {place}), not in line 99999"


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
        assert f"train_s: {measured['train_s']:.4g}\n" in again.stdout
        assert f"validation accuracy: {100 * measured['score']:.2f}%\n" in again.stdout

    def test_a_reason_that_the_terminal_cannot_show_is_told_all_the_same(self, tmp_path):
        bad = tmp_path / "bad.py"
        bad.write_text(SEED_NETWORK.read_text().replace("nn.Dropout(0.5)", "nn.Dropout(int('π'))"))
        done = run(bad, module="harness.validate", env={"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (1, "")
        assert "\\u03c0" in done.stdout

    def test_a_network_without_an_optimizer_is_told_so(self, tmp_path):
        lacks = tmp_path / "lacks.py"
        lacks.write_text(OWN_FUNCTIONS.replace("def get_optimizer", "def make_optimizer").replace(
            "# segment: get_optimizer", "# segment: make_optimizer"))  # fmt: skip
        done = run(lacks, module="harness.validate")
        assert done.returncode == 1
        assert "expected a function get_optimizer(model, lr, weight_decay, nesterov)" in done.stdout
