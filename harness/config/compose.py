"""Composition of command-line overrides into a typed configuration. A door to Hydra.

All commands compose here, so they accept the same overrides and reject the same mistakes, with exit
status 2 and before any work.
"""

import itertools
from collections.abc import Iterator, Sequence

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from harness.config.paths import CONF, ROOT
from harness.config.plugins import third_party_arms
from harness.config.problems import no_such_setting, problems
from harness.config.schema import Config
from harness.config.strategies import check_arguments
from harness.config.tasks import KINDS, recipe_of
from harness.config.yaml_files import one_sentence
from harness.errors import InputError

_RENAMED = {
    "search.i_select_on_test_data": "search.acknowledge_test_selection",
    "eot.strict": "eot.shows",
}
"""Settings of version 0.1.0 that have another name since."""
STRATEGIES = ("task", "selection", "fidelity", "proposer", "model", "executor")
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
OmegaConf.register_new_resolver("root", lambda: str(ROOT), replace=True)
OmegaConf.register_new_resolver("times", lambda a, b: int(a) * int(b), replace=True)


def compose(overrides: Sequence[str]) -> Config:
    """Compose ``conf/`` with command-line overrides.

    Raises:
        InputError: The overrides do not fit; the message is one sentence.
    """
    _check_names(overrides)
    overrides = profile_first(overrides)
    try:
        if GlobalHydra.instance().is_initialized():
            node = hydra.compose("config", list(overrides))
        else:
            with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
                node = hydra.compose("config", list(overrides))
        config = typed(node)
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # Hydra raises all three
        raise InputError(_reason(error)) from None
    for override in overrides:
        key, _, name = override.lstrip("+").partition("=")
        if key == "ablation" and name != config.ablation:
            raise InputError(
                f"+ablation={name}: expected its YAML to begin with '# @package _global_' and to "
                f"say 'ablation: {name}'; it would run under the name {config.ablation}."
            )
    return config


def _reason(error: Exception) -> str:
    """Return what a library says of a composition that failed, by its setting where it has one."""
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        where = cause.parent_node
        if isinstance(where, DictConfig) and isinstance(cause.full_key, str):
            section, dot, name = cause.full_key.rpartition(".")
            return no_such_setting(name, map(str, where), section + dot)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        why = str(cause.msg or cause).splitlines()[0].rstrip(".")
        return f"{cause.full_key}: expected a value that fits the setting: {why}."
    return one_sentence(error)


def compose_comparison(config: Config, overrides: Sequence[str]) -> list[Config]:
    """Return a composed configuration and those of the arms in its ``compare``, each arm once.

    Args:
        config: The configuration composed with ``overrides``.
        overrides: The command line; every arm is composed with all of it but the ablation.
    """
    shared = [o for o in overrides if not o.lstrip("+").startswith("ablation=")]
    others = [compose([*shared, f"+ablation={arm}"]) for arm in config.compare]
    return list({c.arm: c for c in [config, *others]}.values())


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
    if config.budget.cost is not None and config.training_price is None:
        raise InputError(
            "budget.cost: expected the price of an hour of training, which conf/prices does not "
            "know. Set training_price=PRICE, 0 to limit the cost of the LLM alone."
        )
    return config


def profile_first(arguments: Sequence[str]) -> list[str]:
    """Move profiles before other overrides, such as an ablation, because the last one wins.

    Flags and their values keep their places.
    """
    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    ordered = iter(sorted(overrides, key=lambda override: not override.startswith("+profile=")))
    return [next(ordered) if argument in overrides else argument for argument in arguments]


def _check_names(overrides: Sequence[str]) -> None:
    """Raise InputError if an arm would run under another name, or a setting was renamed."""
    keys = {override.lstrip("+").split("=")[0] for override in overrides}
    for key in sorted(keys & set(_RENAMED)):
        raise InputError(f"{key}: expected {_RENAMED[key]}, its name since version 0.2.0.")
    if "arm" in keys:
        raise InputError("arm: expected no such setting, an arm is named by its +ablation=NAME.")
    if "proposer" in keys and "ablation" not in keys:
        raise InputError(
            "proposer: expected +ablation=NAME, which names the arm and chooses its proposer; a "
            "proposer alone would run under the name of full."
        )


def expanded(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield the overrides of every job of a command line, one without ``--multirun``."""
    flags = get_args_parser().parse_args(arguments)
    if flags.help or flags.hydra_help or flags.info:
        return
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
    for combination in itertools.product(*choices):
        yield list(combination)
