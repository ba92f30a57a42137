"""The schema of the configuration: every setting with its type, unit, range and role.

Hydra merges ``conf/`` into these dataclasses, so a misspelt key or a wrong type fails before any
work. They are not frozen, because Hydra fills them. Strategies (task, proposer, model, selection,
fidelity, executor, tracking) are nodes with ``_target_``, checked against the constructors that
they name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from harness.config.arguments import AT_LEAST_0, AT_LEAST_1, POSITIVE, SHARE, UP_TO_1000, Range

MISSING: Any = "???"
"""OmegaConf's mark of a mandatory value."""


class Role(Enum):
    """What a setting decides. ``config.identity`` derives every list of settings from this."""

    SHARED = "decides the outcome; equal for all arms of a comparison (default)"
    ARM = "decides the outcome; arms of one comparison may differ in it"
    BUDGET = "like ARM, and the table of a comparison whose arms differ in it says so"
    DEVICE = "decides the last bits of the outcome; a reproduction may run on another device"
    PART = "copied into the proposer's node, which identifies it"
    CONTENT = "names a file or folder; the digest of its content decides the outcome"
    WRITTEN = "names a folder like CONTENT, which a run also writes to, through links in it"
    GUARD = "decides the outcome and protects the user, who alone sets it"
    RUNTIME = "decides where a run lies and how fast it is, not its outcome"
    TRANSPORT = "decides how a model is reached, not its answers"


ARGUMENT_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("path", "study"), Role.CONTENT),
    **dict.fromkeys(("folder", "root"), Role.WRITTEN),
    "runs_dir": Role.RUNTIME,
    **dict.fromkeys(("base_url", "key_env", "timeout_s", "attempts"), Role.TRANSPORT),
    **dict.fromkeys(("concurrency", "backoff_s", "backoff_max_s"), Role.TRANSPORT),
    **dict.fromkeys(("patience_s", "settle_s"), Role.TRANSPORT),
    **dict.fromkeys(("model", "members", "weight", "name", "answers"), Role.SHARED),
}  # fmt: skip
"""Roles of arguments; any other decides the outcome, and one of a model is a ``GUARD``."""


def setting(
    role: Role = Role.SHARED,
    default: Any = MISSING,
    *,
    unrecorded: Any = None,
    within: Range | None = None,
) -> Any:
    """Return a field of a dataclass of settings.

    Args:
        role: What the setting decides.
        default: Its value where ``conf/`` sets none.
        unrecorded: Its value in a configuration that is rebuilt from a record without it.
        within: Allowed range; None is always allowed.
    """
    return field(
        default=default, metadata={"role": role, "unrecorded": unrecorded, "within": within}
    )


LEVELS = ("limits", "contained", "isolated")
"""Levels of confinement, from weak to strong; each includes those before it."""
FULL = "Full"
"""Class of the fidelity that gives every network all epochs."""
GENERATIONAL = "Generational"
"""Class of the schedule that most arms have."""


@dataclass(kw_only=True)
class Network:
    """The seed network: a file with marked segments."""

    path: str = setting(Role.CONTENT, unrecorded="the recorded seed network")


@dataclass(kw_only=True)
class Recipe:
    """Training settings that all tasks have.

    Each task has a subclass, ``RECIPE`` in its module ``recipe``, with the task's own settings.
    ``recipe`` in a configuration is an instance of that subclass.
    """

    epochs: int = setting(within=AT_LEAST_1)
    """Number of epochs; with ``plateau`` the most."""
    batch_size: int = setting(within=AT_LEAST_1)
    lr: float = setting(within=POSITIVE)
    """Learning rate, passed to the network's ``get_optimizer``."""
    weight_decay: float = setting(within=AT_LEAST_0)
    """Weight decay, passed to the network's ``get_optimizer``."""
    schedule: str = "decay"
    """``decay``: the rate rises linearly over ``warmup_share`` of all steps, then falls linearly to
    zero. ``plateau``: it rises over ``warmup_steps`` from a thousandth, is multiplied by
    ``plateau_factor`` when the training loss has not fallen for ``plateau_epochs``, and training
    stops when it is below ``min_lr``. Both are factors on each parameter group's own rate."""
    warmup_share: float = setting(default=0.0, within=SHARE)
    warmup_steps: int = setting(default=0, within=AT_LEAST_0)
    plateau_factor: float = setting(default=1.0, within=SHARE)
    plateau_epochs: int = setting(default=1, within=AT_LEAST_1)
    min_lr: float = setting(default=0.0, within=AT_LEAST_0)
    mixed_precision: bool = False
    """Train with half precision where torch considers it safe; scoring has full precision."""
    keep_best: bool = False
    """Keep the network of the epoch with the best validation score, not of the last. The worker
    sends the network of every epoch. The harness keeps all on the disk, where they may take 16 GiB
    together, and scores them after training, so that the worker learns nothing of it."""


@dataclass(kw_only=True)
class Sizes:
    """How many individuals make a generation."""

    founders: int = setting(within=AT_LEAST_1)
    offspring: int = setting(within=AT_LEAST_1)
    elites: int = setting(within=AT_LEAST_1)
    """How many individuals survive, where selection has elites."""


@dataclass(kw_only=True)
class Rates:
    """Probabilities of the operators; an ablation may change them for its arm."""

    p_mate: float = setting(within=SHARE)
    """Probability that two parents mate."""
    p_mutate: float = setting(within=SHARE)
    """Probability of a mutation after mating; a parent without a mate always mutates. At 0, only
    founders mutate, and a parent whose neighbour cannot be its mate mates with any individual
    whose segments differ."""
    mate_identical: bool = False
    """Also mate parents that build the same network, as the published code does."""


@dataclass(kw_only=True)
class Eot:
    """Evolution of Thought: a mutation that reflects on what an elite's change did."""

    probability: float = setting(Role.PART, unrecorded=0.0, within=SHARE)
    from_generation: int = setting(Role.PART, unrecorded=1, within=AT_LEAST_1)
    """First generation in which mutations reflect; that of the founders is 0."""
    shows: str = setting(Role.PART, unrecorded="improvements")
    """Which elites are shown. ``improvements``: a better score than the seed network's.
    ``improvements_and_ties``: a score as good. ``dominating``: better in score or size, and worse
    in neither. ``undominated``: all but those that the seed network dominates."""
    numbers: bool = setting(Role.PART, unrecorded=False)
    """Show the measured changes of score and size with the example."""


@dataclass(kw_only=True)
class Search:
    """Which split scores the search."""

    split: str = MISSING
    """``validation``, or ``test`` to show what selecting on the test set does."""
    acknowledge_test_selection: bool = setting(Role.RUNTIME, unrecorded=True)
    """Must be true where the split is ``test``: the test scores of such a run are worthless."""
    retrain: bool = MISSING
    """Train each proposal with another seed, also a network that was proposed before."""


@dataclass(kw_only=True)
class Confirm:
    """Confirmation of scores by re-training on extra seeds."""

    seeds: int = setting(default=0, within=AT_LEAST_0)
    """How many extra seeds re-train a network, scored on the validation split, before it serves as
    an example of Evolution of Thought or may be selected at the end. Not charged to the budget; 0
    disables confirmation."""


@dataclass(kw_only=True)
class Budget:
    """Limits of one run; the first one reached ends it. Null is no limit."""

    evaluations: int = setting(within=AT_LEAST_1)
    """Trainings of proposals; one is charged when it starts."""
    proposals: int = setting(within=AT_LEAST_1)
    """All proposals, including those that a gate rejects."""
    generations: int | None = setting(default=None, within=AT_LEAST_0)
    llm_calls: int | None = setting(default=None, within=AT_LEAST_0)
    prompt_tokens: int | None = setting(default=None, within=AT_LEAST_0)
    completion_tokens: int | None = setting(default=None, within=AT_LEAST_0)
    tokens: int | None = setting(default=None, within=AT_LEAST_0)
    """Sum of prompt and completion tokens. The most that a call can cost is reserved before it is
    sent, so that no limit on calls, tokens or cost is exceeded."""
    cost: float | None = setting(default=None, within=AT_LEAST_0)
    """Of LLM and training, in the currency of ``conf/prices``, which must have the price of every
    model asked and of training. Trainings are charged after their generation, so they may exceed
    the limit by one generation; calls never do."""
    train_s: float | None = setting(default=None, within=AT_LEAST_0)
    """Seconds of training in the search. Like ``seconds``, it may be exceeded by one generation."""
    seconds: float | None = setting(default=None, within=AT_LEAST_0)
    """Seconds of training and of LLM requests in the search, as recorded and as if one followed the
    other. A recorded or cached result counts with the seconds that it took when it was made."""


@dataclass(kw_only=True)
class Price:
    """Price of a million tokens of one model, in any one currency."""

    prompt: float = setting(within=AT_LEAST_0)
    completion: float = setting(within=AT_LEAST_0)


@dataclass(kw_only=True)
class Sandbox:
    """Required confinement of candidates."""

    level: str = MISSING
    """Lowest level accepted: ``limits``, ``contained`` or ``isolated``. A run uses the strongest
    level that the host offers, and does not start below this one."""


@dataclass(kw_only=True)
class Limits:
    """Limits of one candidate, which is killed and rejected beyond them."""

    build_s: float = setting(within=POSITIVE)
    """Wall-clock time in seconds for the build gate."""
    train_s: float = setting(within=POSITIVE)
    """Wall-clock time in seconds for training, and again for scoring."""
    memory_mib: int = setting(within=AT_LEAST_1)
    """Limit on resident memory, and on address space beyond the worker's at its start, except on a
    GPU, whose driver reserves far more than it uses."""
    threads: int = setting(within=AT_LEAST_1)
    """CPU threads per candidate. Results depend on it, so it is part of a run's identity."""
    flops: int | None = setting(default=None, within=AT_LEAST_1)
    """Floating-point operations per input; null is no limit."""


@dataclass(kw_only=True)
class Final:
    """Measurement of the result on the test split, after the search."""

    seeds: int = setting(within=AT_LEAST_1)
    """Extra training seeds for the selected network and the seed network."""
    tolerance: float = setting(within=SHARE)
    """The selected network is the smallest one this close to the seed's validation score."""
    threshold: str = setting(unrecorded="training")
    """Which validation score of the seed network that is. ``retrainings``: the mean of its
    re-trainings on fresh seeds. ``training``: that of its one training in the search. With
    ``confirm.seeds``, the mean of its confirmed scores in either case."""
    measure: str = setting(unrecorded="hypervolume")
    """The primary measure, one of ``analysis.metrics``. A comparison by any other metric is
    labelled exploratory."""
    margin: float = setting(unrecorded=0.02, within=SHARE)
    """Margin of mean test scores: a selected network saves parameters only where its
    mean test score is at most this far below the seed network's."""
    useful: float = setting(unrecorded=0.05, within=Range(0.001, 1, "a share from 0.001 to 1"))
    """Test scores further than this below the seed network's are of no use: the reference point of
    the hypervolume on test examples."""
    relevant: float | None = setting(default=None, within=AT_LEAST_0)
    """Least difference of the primary measure that matters, in its own unit; by default that of
    ``analysis.metrics``. An interval within it shows no relevant difference."""
    hall_of_fame: int = setting(within=AT_LEAST_1)
    """How many networks of the Pareto front are kept as files and re-trained. If the front has
    more, SPEA2's truncation chooses."""


@dataclass(kw_only=True)
class PriceList:
    """A file of prices, which ``prices=FILE.yaml`` names; see ``Config`` for its settings."""

    training_price: float | None = None
    prices: dict[str, Price] = field(default_factory=dict)


@dataclass(kw_only=True)
class Config:
    """All settings of ``python -m harness``."""

    ablation: str = setting(Role.ARM)
    """The choice of ``ablation=``."""
    arm: str = setting(Role.ARM, "${ablation}")
    """Name of the arm: the ablation, marked if a substitute for its LLM answers."""
    seed: int = setting(Role.ARM, within=AT_LEAST_0)
    compare: list[str] = setting(Role.RUNTIME, unrecorded=())
    """Other arms to run, with the same seed and budget."""
    network: Network = field(default_factory=Network)
    task: Any = MISSING
    recipe: Recipe = field(default_factory=Recipe)
    proposer: Any = setting(Role.ARM)
    model: Any = setting(Role.PART, unrecorded={})
    prompts: Any = setting(Role.PART, unrecorded={})
    prices: dict[str, Price] = field(default_factory=dict, metadata={"role": Role.GUARD})
    """Prices by the model's name in requests; the price of any other model is unknown."""
    training_price: float | None = setting(Role.GUARD, None, within=AT_LEAST_0)
    """Price of an hour of training, one training at a time, in the same currency. Null is unknown,
    and in the record of an older run that ``budget.cost`` was of the LLM alone."""
    selection: Any = setting(Role.ARM)
    fidelity: Any = setting(Role.ARM, unrecorded={"_target_": f"harness.{FULL}"})
    schedule: Any = setting(Role.ARM, unrecorded={"_target_": f"harness.{GENERATIONAL}"})
    """When children are conceived and decided."""
    sizes: Sizes = field(default_factory=Sizes, metadata={"role": Role.ARM})
    rates: Rates = field(default_factory=Rates, metadata={"role": Role.ARM})
    eot: Eot = field(default_factory=Eot, metadata={"role": Role.PART})
    search: Search = field(default_factory=Search, metadata={"role": Role.ARM})
    confirm: Confirm = field(default_factory=Confirm)
    budget: Budget = field(default_factory=Budget, metadata={"role": Role.BUDGET})
    limits: Limits = field(default_factory=Limits)
    sandbox: Sandbox = field(default_factory=Sandbox, metadata={"role": Role.GUARD})
    final: Final = field(default_factory=Final)
    study: str | None = setting(Role.CONTENT, None)
    """Recorded study whose scores decide selection, so that the prompts are the same. A run's
    identity includes the digest of the study's content."""
    executor: Any = setting(Role.RUNTIME, unrecorded={"_target_": "harness.LocalThreads"})
    """Where candidates are gated and trained."""
    device: str = setting(Role.DEVICE)
    workers: int | None = setting(Role.RUNTIME, unrecorded=1, within=UP_TO_1000)
    """Candidates trained at once; results do not depend on it. Null is one per ``limits.threads``
    cores, memory permitting. A GPU takes one at a time, except at ``sandbox.level=limits``."""
    runs_at_once: int = setting(Role.RUNTIME, 1, unrecorded=1, within=UP_TO_1000)
    """Runs of a command that go on at once and share the ``workers``; results do not depend on
    it."""
    deterministic: bool = False
    """Make results on a GPU bitwise reproducible, which costs time; on a CPU they always are."""
    preflight: bool = setting(Role.RUNTIME, True, unrecorded=False)
    """Try before anything is trained whether the model's server answers, accepts the key and knows
    the name, and whether W&B has a login. A server that lists its models is asked for that list,
    any other for one token, which no budget counts."""
    save_every_s: float = setting(Role.RUNTIME, 300.0, within=AT_LEAST_0)
    """Seconds between checkpoints of a long training."""
    llm_workers: int = setting(Role.RUNTIME, unrecorded=1, within=UP_TO_1000)
    """LLM calls in flight; results do not depend on it."""
    runs_dir: str = setting(Role.RUNTIME, unrecorded="")
    wait_s: float | None = setting(Role.RUNTIME, None, unrecorded=0.0, within=AT_LEAST_0)
    """Seconds to wait for other processes that work on the same runs, once all other runs are
    complete. Null is as long as they work."""
    accept_other_code: bool = setting(Role.RUNTIME, False)
    """Whether to go on with runs that were recorded with other code than there is now, and to show
    complete ones; the table says so."""
    display: str = setting(Role.RUNTIME, unrecorded="plain")
    """``auto``, ``live`` or ``plain``."""
    tracking: Any = setting(Role.RUNTIME, unrecorded={"mode": "off"})


def is_full(fidelity: Mapping[str, Any]) -> bool:
    """Return whether a fidelity gives every network all epochs."""
    return str(fidelity["_target_"]).rpartition(".")[2] == FULL
