"""Composition of command-line overrides into a typed configuration. A door to Hydra.

All commands compose here, so they accept the same overrides and reject the same mistakes, with exit
status 2 and before any work.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.conf import HydraConf
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config.arguments import out_of_range
from harness.config.paths import CONF, SHIPPED
from harness.config.plugins import require_usable, third_party_arms
from harness.config.problems import HYDRA, no_such_option, open_section, problems, reason
from harness.config.schema import Config, PriceList
from harness.config.strategies import check_arguments
from harness.config.tasks import KINDS, recipe_of
from harness.config.yaml_files import one_sentence, read_yaml
from harness.errors import InputError

_RENAMED = {
    "search.i_select_on_test_data": "search.acknowledge_test_selection",
    "eot.strict": "eot.shows",
}
"""Settings of version 0.1.0 that have another name since."""
_CHOICES = frozenset({"ablation", "profile"})
"""Groups that were added with a plus before: +ablation=NAME."""
_SPECIAL = re.compile(r"[\\()\[\]{}:=, \t]")
"""Characters that Hydra wants escaped in a key."""
_SETTING = re.compile(r"[^-=][^=]*=")
"""How a setting begins, and no flag."""
_PLAIN = re.compile(r"|null|true|false|[-+\d.e]+")
"""Values that are no name of an option."""
_BASIC, _SLURM = "BasicLauncher", "SlurmLauncher"
STRATEGIES = ("task", "selection", "fidelity", "schedule", "proposer", "model", "executor")
"""Settings that are strategies; ``strategies.build`` constructs them."""


class ThirdParty(SearchPathPlugin):
    """Adds the ``conf`` folder of every package that registers an arm to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each folder after this package's own."""
        for arm, module in third_party_arms():
            search_path.append(provider=arm, path=f"pkg://{module}.conf")


Plugins.instance().register(ThirdParty)
ConfigStore.instance().store(name="schema", node=Config)
for _kind in KINDS:
    ConfigStore.instance().store(group="task_settings", name=_kind, node=recipe_of(_kind))
OmegaConf.register_new_resolver("root", lambda: str(SHIPPED), replace=True)
OmegaConf.register_new_resolver("times", lambda a, b: int(a) * int(b), replace=True)


def compose(overrides: Sequence[str]) -> Config:
    """Compose ``conf/`` with command-line overrides.

    Raises:
        InputError: The overrides do not fit; the message is one sentence.
    """
    overrides = as_hydra_takes(overrides)
    _check_names(overrides)
    try:
        with _own_hydra():
            node = hydra.compose("config", list(overrides))
        config = typed(node)
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # Hydra raises all three
        raise InputError(reason(error, _arms_without(open_section(error), overrides))) from None
    _check_compared(config)
    for override in overrides:
        key, _, name = override.partition("=")
        if key == "ablation" and name != config.ablation:
            raise InputError(
                f"ablation={name}: expected its YAML to begin with '# @package _global_' and to "
                f"say 'ablation: {name}'; it would run under the name {config.ablation}."
            )
    return config


def _arms_without(section: str, overrides: Sequence[str]) -> list[Config]:
    """Return the arms of a command line without its settings in a section, none if that fails."""
    rest = [one for one in overrides if not one.lstrip("+").startswith(section)]
    if section and len(rest) < len(overrides):
        with suppress(InputError):
            return compose_comparison(compose(rest), rest)
    return []


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Context with Hydra on ``conf/``; a program that calls this may have a Hydra of its own."""
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def _check_compared(config: Config) -> None:
    """Raise InputError unless there is an arm of each name in ``compare``."""
    arms = [file.stem for file in sorted((CONF / "ablation").glob("*.yaml"))]
    arms += [arm for arm, _ in third_party_arms()]
    for name in config.compare:
        if name not in arms:
            raise InputError(no_such_option("compare", name, arms))


def compose_comparison(
    config: Config,
    overrides: Sequence[str],
    composed: Callable[[Sequence[str]], Config] | None = None,
) -> list[Config]:
    """Return a composed configuration and those of the arms in its ``compare``, each arm once.

    Args:
        config: The configuration composed with ``overrides``.
        overrides: The command line; every arm is composed with all of it but the ablation.
        composed: Returns the configuration of overrides; by default ``compose``.

    Raises:
        InputError: An arm in ``compare`` does not take the overrides; the message names it.
    """
    shared = [o for o in overrides if not o.lstrip("+").startswith("ablation=")]
    found = {config.arm: config}
    for arm in config.compare:
        try:
            other = (composed or compose)([*shared, f"ablation={arm}"])
        except InputError as error:
            raise InputError(
                f"{arm}, which is in compare: {error} Settings hold for all arms of a command. Run "
                f'{config.ablation} alone with "compare=[]", or leave {arm} out of compare.'
            ) from None
        found[other.arm] = other
    return list(found.values())


def compose_jobs(jobs: Sequence[Sequence[str]]) -> list[list[Config]]:
    """Return the arms of every job of a command line; what several jobs share is composed once.

    Args:
        jobs: The overrides of each job.
    """
    known: dict[tuple[str, ...], Config] = {}

    def composed(overrides: Sequence[str]) -> Config:
        key = tuple(overrides)
        if key not in known:
            known[key] = compose(overrides)
        return known[key]

    return [compose_comparison(composed(job), job, composed) for job in jobs]


@dataclass(frozen=True, kw_only=True)
class Launching:
    """How a launcher runs the jobs of a sweep.

    Attributes:
        here: Whether in the process that starts them, one after the other.
        scheduled: Whether as jobs of a cluster, which its scheduler starts when there is room.
        batch: Most jobs that are started at a time.
        n_jobs: Most that run at a time; negative as joblib counts, from the cores downwards.
    """

    here: bool
    scheduled: bool = False
    batch: int | None = None
    n_jobs: int | None = None

    def at_once(self, jobs: int, cores: int) -> int:
        """Return how many of these jobs run at a time on a machine of so many cores."""
        if self.here:
            return 1
        n_jobs = jobs if self.n_jobs is None else self.n_jobs
        most = n_jobs if n_jobs > 0 else cores + 1 + n_jobs
        return max(1, min(jobs, most, self.batch or jobs))


def launching(overrides: Sequence[str]) -> Launching:
    """Return how the launcher that is composed with a command line runs its jobs."""
    with _own_hydra():
        overrides = as_hydra_takes(overrides)
        node = hydra.compose("config", list(overrides), return_hydra_config=True).hydra
    launcher = node.launcher._target_.rpartition(".")[2]
    return Launching(
        here=launcher == _BASIC,
        scheduled=launcher == _SLURM,
        batch=node.sweeper.get("max_batch_size"),
        n_jobs=node.launcher.get("n_jobs"),
    )


def typed(node: DictConfig) -> Config:
    """Return a composed node as a checked configuration; InputError for an impossible value."""
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    for problem in problems(config):
        raise InputError(problem)
    if config.proposer.get("model", config.model) != config.model:
        raise InputError(
            "proposer.model: expected a copy of model, which a run asks and records, found another "
            "value. Set model=NAME or model.name=NAME instead."
        )
    for name in STRATEGIES:
        check_arguments(name, getattr(config, name))
    for refusal in out_of_range("tracking", config.tracking):
        raise InputError(refusal)
    if config.budget.cost is not None and config.training_price is None:
        raise InputError(
            "budget.cost: expected the price of an hour of training, which conf/prices does not "
            "know. Set training_price=PRICE, 0 to limit the cost of the LLM alone."
        )
    return config


def as_hydra_takes(arguments: Sequence[str]) -> list[str]:
    """Add or remove the plus sign of overrides, so that users need not know where Hydra wants one.

    Hydra adds whatever follows a plus, also a misspelt setting; it refuses an unknown setting
    without one. So a plus stays only where keys may be added: prices, and the arguments of
    strategies. What the file in ``prices=FILE.yaml`` says stands before all other settings, which
    override it, but after the flags before them: argparse takes settings in one piece only.

    Raises:
        InputError: A file of prices cannot be read.
    """
    files = [argument for argument in arguments if _names_prices(argument)]
    prices = [setting for argument in files for setting in _prices_in(argument)]
    first = next((at for at, one in enumerate(arguments) if _SETTING.match(one)), len(arguments))
    taken = [*arguments[:first], *prices, *arguments[first:]]
    return [_with_due_plus(one) for one in taken if one not in files]


def _names_prices(argument: str) -> bool:
    return argument.lstrip("+").startswith("prices=") and argument.endswith((".yaml", ".yml"))


def _prices_in(argument: str) -> Iterator[str]:
    """Yield the settings in the file of prices that an override names."""
    try:
        found: PriceList = read_yaml(PriceList, Path(argument.partition("=")[2]).expanduser())
    except InputError as error:
        raise InputError(f"prices={error}") from None
    if found.training_price is not None:
        yield f"training_price={found.training_price}"
    prices = []
    for name, price in found.prices.items():
        key = _SPECIAL.sub(r"\\\g<0>", name)
        prices.append(f"{key}:{{prompt:{price.prompt},completion:{price.completion}}}")
    yield f"+prices={{{','.join(prices)}}}"


def _with_due_plus(argument: str) -> str:
    bare = argument.lstrip("+")
    if bare.startswith("prices={"):
        return f"+{bare}"
    return bare if _is_listed(bare.partition("=")[0]) else argument


def _is_listed(key: str) -> bool:
    """Return whether a key, if it is a setting, stands in a section with a fixed list."""
    schema: Any = Config
    sections = key.split(".")[:-1]
    if sections[:1] == [HYDRA]:
        schema, sections = HydraConf, sections[1:]
    elif key in _CHOICES or sections[:1] == ["tracking"] or sections == ["prompts"]:
        return True
    for section in sections:
        hint = get_type_hints(schema).get(section)
        if not is_dataclass(hint):
            return hint is None
        schema = hint
    return "@" not in key


def _check_names(overrides: Sequence[str]) -> None:
    """Raise InputError for a setting that was renamed, named twice or removed, or no option."""
    given = [override.partition("=")[0] for override in overrides]
    for key in sorted({*given} & {*_RENAMED}):
        raise InputError(f"{key}: expected {_RENAMED[key]}, its name since version 0.2.0.")
    for key in sorted({*given} & _CHOICES):
        if given.count(key) > 1:
            raise InputError(f"{key}: expected one {key}=NAME, got {given.count(key)}.")
    for override in overrides:
        key, _, value = override.partition("=")
        if key == "ablation":
            require_usable(value)
        if key.startswith("~") and _is_listed(key[1:]):
            raise InputError(f"{key}: settings cannot be removed. Give {key[1:]} another value.")
        if not key or ("=" not in override and key[0] != "~"):
            raise InputError(f"{override}: expected SETTING=VALUE.")
        if key.lstrip("+").startswith("prices."):
            raise InputError(f"{key}: expected prices={{NAME:{{prompt:PRICE,completion:PRICE}}}}.")
        if key.isidentifier() and (CONF / key).is_dir() and _PLAIN.fullmatch(value):
            options = sorted(file.stem for file in (CONF / key).glob("*.yaml"))
            raise InputError(no_such_option(key, value, options))
    _check_arm(given)


def _check_arm(given: Sequence[str]) -> None:
    """Raise InputError if an arm would run under another name."""
    if "arm" in given:
        raise InputError("arm: expected no such setting, an arm is named by its ablation=NAME.")
    if "proposer" in given and "ablation" not in given:
        raise InputError(
            "proposer: expected ablation=NAME, which names the arm and chooses its proposer; a "
            "proposer alone would run under the name of full."
        )


def expanded(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield the overrides of every job of a command line, one without ``--multirun``."""
    flags = get_args_parser().parse_args(arguments)
    if flags.help or flags.hydra_help or flags.info or flags.shell_completion:
        return
    for word in flags.overrides:
        if "=" not in word and word[:1] != "~":
            raise InputError(f"{word}: expected SETTING=VALUE.")
    try:
        loader = ConfigLoaderImpl(create_config_search_path(str(CONF)))
        parsed = OverridesParser.create(loader).parse_overrides(flags.overrides)
        choices = [
            [f"{o.get_key_element()}={value}" for value in o.sweep_string_iterator()]
            if flags.multirun and o.is_sweep_override()
            else [o.input_line or ""]
            for o in parsed
        ]
    except HydraException as error:
        raise InputError(one_sentence(error)) from None
    yield from map(list, itertools.product(*choices))
