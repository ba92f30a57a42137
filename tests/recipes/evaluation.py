"""A gate, an attack, a dataset and an executor."""

GATE = '''def brevity(genome: Genome) -> str | None:
    """Refuse long lines."""
    lines = genome.source.split("\\n")
    return "a line is longer than 200 characters" if max(map(len, lines)) > 200 else None


'''
GATE_ENTRY = (
    '    Gate(name="brevity", kind="prolix", meaning="lines too long to read", check=brevity),\n'
)
GATE_CANDIDATE = f"""# expects: prolix: longer than 200 characters
# entry: own
# segment: DW
SEED
# {"x" * 200}
"""
CANDIDATE = """# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    torch.os.link("/guided-evolution-no-such-file", "/guided-evolution-no-such-link")
"""
ATTACK = """def _link(target: Target) -> None:
    os.link(Path(target.folder) / "secret", Path(target.folder) / "another")


"""
ATTACK_ENTRY = '        "link": Attack("contained", "give a file a second name", _link),\n'
ATTACK_TEST = """

def test_unconfined_a_file_gets_a_second_name():
    from harness.sandbox import attack_target

    with attack_target.lay_out() as target:
        assert ATTACKS["link"].run(target) == ""
        assert "exists" in ATTACKS["link"].run(target)
"""
DATASET = '''class FewDigits:
    """The first of the digits, as fast to train on as a test wants it."""

    kind = KIND

    def __init__(self, *, n: int) -> None:
        self._n = n

    def load(self, progress: Progress | None = None) -> Dataset:
        """Read the digits and keep the first of each split."""
        del progress
        whole = Digits(size=32, split_seed=0).load()
        few = {
            name: Split(**{part: array[: self._n] for part, array in vars(split).items()})
            for name, split in vars(whole).items()
            if isinstance(split, Split)
        }
        return Dataset(**vars(whole) | few | {"name": "few_digits"})


'''
DATASET_YAML = """# The first handwritten digits of each split.
_target_: harness.tasks.image_classification.datasets.FewDigits
n: 60
"""
DATASET_TEST = """

def test_few_digits_are_the_first(digits):
    few = load("task=few_digits")
    assert (few.test.labels == digits.test.labels[:60]).all()
"""
EXECUTOR = '''

class OneByOne:
    """Works on this machine, one candidate at a time.

    Args:
        where: Name of the machine, for the manifest.
    """

    def __init__(self, *, where: str) -> None:
        self._local, self._where = LocalThreads(), where

    def open(
        self, config: Config, dataset: Dataset, network: Genome, *, on_epoch: OnEpoch | None = None
    ) -> Backend:
        """Return a backend; see ``Executor.open``."""
        local = self._local.open(config, dataset, network, on_epoch=on_epoch)
        return Backend(
            validate=local.validate,
            evaluate=local.evaluate,
            workers=1,
            machine={**local.machine, "where": self._where},
        )

    def close(self) -> None:
        """Stop the worker."""
        self._local.close()
'''
EXECUTOR_YAML = """# Candidates are gated and trained on this machine, one at a time.
_target_: harness.evaluation.executor.OneByOne
where: here
"""
EXECUTOR_TEST = """

def test_one_by_one_says_where(digits, network):
    config = compose(["executor=one_by_one", "executor.where=there"])
    with closing(Executors()) as executors:
        backend = executors.open(config, digits, network)
        assert backend.machine["where"] == "there"
        assert backend.workers == 1
        assert backend.validate(network, seed=0).refusal is None
"""


def gate(copy):
    copy.insert("harness/evaluation/gates.py", GATE, before="def parse(genome: Genome)")
    copy.insert("harness/evaluation/gates.py", GATE_ENTRY, before='    Gate(name="parse"')
    copy.add({"tests/candidates/brevity__long_line.py": GATE_CANDIDATE})


def attack(copy):
    """An attack that a run, which asks for its level, has to withstand."""
    copy.add({"tests/candidates/build__gives_a_second_name.py": CANDIDATE})
    copy.insert("harness/sandbox/attacks.py", ATTACK, before="def _write(target: Target)")
    copy.insert("harness/sandbox/attacks.py", ATTACK_ENTRY, before='        "write a file"')
    copy.add({"tests/sandbox/test_confinement.py": ATTACK_TEST})


def dataset(copy):
    module = "harness/tasks/image_classification/datasets.py"
    copy.insert(module, DATASET, before="class Cifar10")
    copy.add(
        {
            "conf/task/few_digits.yaml": DATASET_YAML,
            "tests/tasks/test_datasets.py": DATASET_TEST,
        }
    )


def executor(copy):
    copy.add(
        {
            "harness/evaluation/executor.py": EXECUTOR,
            "conf/executor/one_by_one.yaml": EXECUTOR_YAML,
            "tests/evaluation/test_executor.py": EXECUTOR_TEST,
        }
    )


def also_for_a_gate(copy):
    """Its place in the list of gates."""
    copy.insert("docs/comparison.md", "brevity, ", before="parse, lint, imports, build,")
