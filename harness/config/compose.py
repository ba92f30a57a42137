"""From the command line to a typed configuration and live parts. The door to Hydra.

Every command composes here, so every command takes the same overrides and refuses the same
mistakes, before any work, with exit status 2.
"""

import dataclasses
import inspect
import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any, NoReturn, cast

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, InstantiationException
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from yaml import YAMLError

from harness.config.moved import MOVED
from harness.config.paths import CONF, ROOT
from harness.config.schema import FULL, Config, problems
from harness.errors import HarnessError, InputError

_RESULT = "result.json"
_SIMPLE: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
_INTERRUPTED = 128 + signal.SIGINT

_UNRECORDED = {
    "compare": [], "model": {}, "prompts": {}, "network": {"path": "the recorded seed network"},
    "eot": {"probability": 0.0, "strict": False}, "workers": 1, "llm_workers": 1, "runs_dir": "",
    "wait_s": 0.0, "display": "plain", "tracking": {"mode": "off"},
    "search": {"i_select_on_test_data": True}, "fidelity": {"_target_": FULL},
}  # fmt: skip

PROPOSERS = "guided_evolution.proposers"
"""Entry points by which other packages add arms: the arm's name, and the package that has it."""


class ThirdParty(SearchPathPlugin):
    """Finds the configuration of arms that other packages bring, in their folder ``conf``."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folder of each package."""
        for name, module in _third_party_arms():
            search_path.append(provider=name, path=f"pkg://{module}.conf")


def _third_party_arms() -> Iterator[tuple[str, str]]:
    """Yield arm and package of each entry point; InputError where an arm's YAML cannot be had."""
    for point in entry_points(group=PROPOSERS):
        told = f"{PROPOSERS}: {point.value} registers the arm {point.name}, expected "
        if (CONF / "ablation" / f"{point.name}.yaml").is_file():
            raise InputError(f"{told}another name, for the harness has an arm of this one.")
        try:
            yaml = resources.files(point.module) / "conf" / "ablation" / f"{point.name}.yaml"
        except Exception as error:  # noqa: BLE001 - it is their code that runs
            raise InputError(
                f"{told}a package that can be imported, this one fails with {error!r}. Mend or "
                f"remove it."
            ) from None
        if not yaml.is_file():
            raise InputError(
                f"{told}{yaml} with what it is made of, found none. Mend or remove it."
            )
        yield point.name, point.module


Plugins.instance().register(ThirdParty)
ConfigStore.instance().store(name="schema", node=Config)
OmegaConf.register_new_resolver("root", lambda: str(ROOT), replace=True)
OmegaConf.register_new_resolver("times", lambda a, b: int(a) * int(b), replace=True)


def compose(overrides: Sequence[str]) -> Config:
    """Compose ``conf/`` with command-line overrides; InputError in one sentence if it cannot be."""
    _check_names(overrides)
    overrides = _profile_first(overrides)
    try:
        if GlobalHydra.instance().is_initialized():
            node = hydra.compose("config", list(overrides))
        else:
            with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
                node = hydra.compose("config", list(overrides))
        config = _typed(node)
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # Hydra raises all three
        raise InputError(_one_sentence(error)) from None
    for override in overrides:
        key, _, name = override.lstrip("+").partition("=")
        if key == "ablation" and name != config.ablation:
            raise InputError(
                f"+ablation={name}: expected its YAML to begin with '# @package _global_' and to "
                f"say 'ablation: {name}'; it would run under the name {config.ablation}."
            )
    return config


def read_yaml(schema: Any, path: Path) -> Any:
    """Read a file into a schema's class; InputError in one sentence where it does not fit."""
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), _loaded(path)))
    except ConfigKeyError as error:
        kind = cast("Any", error.object_type).__name__.removesuffix("Entry").lower()
        where = ".".join(str(error.full_key).split(".")[:-1]) or f"in a {kind}"
        known = ", ".join(f.name for f in dataclasses.fields(cast("Any", error.object_type)))
        raise InputError(f"{path}: {where}: expected {known}, got {error.key}.") from None
    except MissingMandatoryValue as error:
        raise InputError(f"{path}: expected {error.full_key}, it is missing.") from None
    except OmegaConfBaseException as error:
        told = str(error.msg or error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}: {error.full_key or 'as a whole'}: {told}.") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {_one_sentence(error)}") from None


def _loaded(path: Path) -> Any:
    try:
        return OmegaConf.load(path)
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be read ({error.strerror}).") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected YAML ({_one_sentence(error)}).") from None


def restored(known: Mapping[str, Any], overrides: Sequence[str]) -> Config:
    """Make the configuration of a recorded run anew; InputError where this version has no such.

    overrides: what another machine needs, such as ``device=cuda``. What changes no outcome, and was
    not recorded for that, is as plain as can be.
    """
    known = _renamed(known)
    _require_ours(known)
    fields = {f.name for f in dataclasses.fields(Config)} - {"network", "study"}
    kept = {key: value for key, value in known.items() if key in fields}
    try:
        node = OmegaConf.merge(
            OmegaConf.structured(Config), _UNRECORDED, kept, OmegaConf.from_dotlist(list(overrides))
        )
        config = OmegaConf.to_object(node)
    except (OmegaConfBaseException, ValueError) as error:
        raise InputError(
            f"expected a run that this version can compose, it was recorded by guided-evolution "
            f"{known.get('version')}: {_one_sentence(error)}"
        ) from None
    assert isinstance(config, Config)
    return config


def _renamed(node: Any) -> Any:
    """Copy a recorded configuration with strategies under the names that they have now."""
    if isinstance(node, Mapping):
        return {k: _moved(v) if k == "_target_" else _renamed(v) for k, v in node.items()}
    return [_renamed(value) for value in node] if isinstance(node, list | tuple) else node


def _moved(target: str) -> str:
    module, _, name = target.rpartition(".")
    return f"{MOVED.get(module, module)}.{name}"


def _require_ours(node: Any) -> None:
    """InputError where a recorded configuration would build what is no strategy of ours."""
    if isinstance(node, Mapping):
        target = node.get("_target_")
        ours = {"harness", "baselines", *(module for _, module in _third_party_arms())}
        if target is not None and str(target).split(".")[0] not in {m.split(".")[0] for m in ours}:
            raise InputError(
                f"expected a run made of strategies of this package, or of one that registers "
                f"{PROPOSERS}; it names {target}. Do not replay it, or install what brings it."
            )
        for value in node.values():
            _require_ours(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_ours(value)


def lacking(node: Any) -> list[str]:
    """Name the arguments that a strategy needs and its node does not set."""
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in node
    ]


def build(node: Any, **parts: Any) -> Any:
    """Construct the object that a node's ``_target_`` names, with some arguments replaced."""
    kept = {key: value for key, value in node.items() if key not in parts}
    try:
        return instantiate(kept, _convert_="all", **parts)
    except InstantiationException as error:
        raise error.__cause__ if isinstance(error.__cause__, HarnessError) else error from None


def third_party(node: Any) -> dict[str, str]:
    """Return name and version of the package that a strategy comes from, where it is not ours."""
    module = str(node["_target_"]).split(".")[0]
    points = [p for p in entry_points(group=PROPOSERS) if p.module.split(".")[0] == module]
    return {p.dist.name: p.dist.version for p in points if p.dist}


def installed() -> dict[str, str]:
    """Return name and version of this package and of all that it needs, directly or not."""
    found: dict[str, str] = {}
    wanted = ["guided-evolution"]
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in found:
            continue
        try:
            needed = distribution(name)
        except PackageNotFoundError:  # needed on other systems, or for an extra
            continue
        found[name] = needed.version
        wanted += [
            requirement.name
            for requirement in map(Requirement, needed.requires or [])
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return dict(sorted(found.items()))


def takes(node: Any, argument: str) -> bool:
    """Say whether a strategy's node sets this argument."""
    return argument in node


def launch(job: Callable[[Config, list[str]], list[Path]]) -> NoReturn:
    """Run a job for one configuration, or for each of a multirun, and exit with its status.

    The job gets the configuration and the overrides behind it, and returns its run folders.
    Everything on the command line is composed once beforehand, so mistakes cost nothing.
    """
    sys.argv[1:] = _profile_first(sys.argv[1:])
    try:
        list(_third_party_arms())
        for config in [compose(overrides) for overrides in expanded(sys.argv[1:])]:
            if not get_args_parser().parse_args(sys.argv[1:]).cfg:
                _check_writable(config)
    except InputError as error:
        fail(error)

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(node: DictConfig) -> None:
        overrides = [str(o) for o in HydraConfig.get().overrides.task]
        multirun = HydraConfig.get().mode == RunMode.MULTIRUN
        folder = Path(HydraConfig.get().runtime.output_dir)
        result: dict[str, Any] = {"overrides": overrides, "runs": [], "failed": None}
        try:
            result["runs"] = [str(path) for path in job(_typed(node), overrides)]
        except Exception as error:
            result["failed"] = str(error) if isinstance(error, HarnessError) else repr(error)
            if not multirun:
                if isinstance(error, HarnessError):
                    fail(error)
                raise
            if not isinstance(error, HarnessError):
                traceback.print_exc()  # a defect of ours: the other jobs go on, the trace is told
            print(f"job {' '.join(overrides)}: {error}", file=sys.stderr)
        finally:
            (folder / _RESULT).write_text(json.dumps(result))

    end_on_interrupt()
    entry()
    raise SystemExit(0)


class Summary(Callback):
    """Ends a multirun with one table over all its jobs, and a status that tells of failures."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the table of every job's runs; exit 1 where a job failed."""
        from harness.reporting.summary import print_comparison

        folder = Path(config.hydra.sweep.dir)
        results = [json.loads(p.read_text()) for p in sorted(folder.glob(f"*/{_RESULT}"))]
        runs = {Path(path): None for result in results for path in result["runs"]}
        if runs:
            tracking = OmegaConf.to_container(config.tracking, resolve=True)
            print_comparison(list(runs), Path(config.runs_dir), cast("dict[str, Any]", tracking))
        failed = [r for r in results if r["failed"]]
        for result in failed:
            print(f"failed: {' '.join(result['overrides'])}: {result['failed']}", file=sys.stderr)
        if failed:
            raise SystemExit(1)


def end_on_interrupt() -> None:
    """Let Ctrl-C end the command at once, for the journal has all that was done."""
    signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    """End at once: threads may wait for an LLM for ever, and the journal needs no farewell."""
    if sys.stdout.isatty():
        print("\033[?25h", flush=True)  # the live display hid the cursor
    print("interrupted; the same command goes on from here", file=sys.stderr)
    os._exit(_INTERRUPTED)


def fail(error: HarnessError) -> NoReturn:
    """End the command with the error's sentence and status."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(error.exit_status)


def _typed(node: DictConfig) -> Config:
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    for problem in problems(config):
        raise InputError(problem)
    for name in ("task", "selection", "fidelity", "proposer", "model"):
        _check_arguments(name, getattr(config, name))
    return config


def _profile_first(arguments: Sequence[str]) -> list[str]:
    """Put a profile before what differs from it, such as an ablation, for the last one wins.

    Flags and their values stay where they are.
    """
    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    ordered = iter(sorted(overrides, key=lambda override: not override.startswith("+profile=")))
    return [next(ordered) if argument in overrides else argument for argument in arguments]


def _check_names(overrides: Sequence[str]) -> None:
    """InputError where an arm would run under a name that is not its own."""
    keys = {override.lstrip("+").split("=")[0] for override in overrides}
    if "arm" in keys:
        raise InputError("arm: expected no such setting, an arm is named by its +ablation=NAME.")
    if "proposer" in keys and "ablation" not in keys:
        raise InputError(
            "proposer: expected +ablation=NAME, which names the arm and chooses its proposer; a "
            "proposer alone would run under the name of full."
        )


def _check_arguments(name: str, node: Any) -> None:
    """InputError where a strategy has no constructor, or one without the argument given to it."""
    if not isinstance(node.get("_target_"), str):
        raise InputError(f"{name}: expected an arm that says {name}._target_, this one does not.")
    target = get_object(node["_target_"])
    parameters = inspect.signature(target).parameters
    known = set(parameters)
    for key in sorted(known & set(node)):
        kinds = _SIMPLE.get(parameters[key].annotation)
        if kinds and node[key] is not None and type(node[key]) not in kinds:
            wanted = parameters[key].annotation.__name__
            raise InputError(f"{name}.{key}: expected a value of type {wanted}, got {node[key]}.")
    unknown = sorted(set(node) - known - {"_target_"})
    if unknown:
        raise InputError(
            f"{name}.{unknown[0]}: expected an argument of {node['_target_']}, which takes "
            f"{', '.join(sorted(known)) or 'none'}. An ablation fits only a {name} that has the "
            f"part it removes; name another +ablation or {name}."
        )


def _check_writable(config: Config) -> None:
    from harness.record.journal import check_writable

    check_writable(Path(config.runs_dir))


def expanded(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield the overrides of every job that a command line means."""
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
        raise InputError(_one_sentence(error)) from None
    for combination in itertools.product(*choices):
        yield list(combination)


def _one_sentence(error: Exception) -> str:
    told = str(error).split("Config search path:")[0]
    lines = (line.strip() for line in told.splitlines())
    kept = (line for line in lines if line and not line.startswith(("object_type", "See https")))
    return "; ".join(kept).replace(":; ", ": ")
