"""Former names: of modules in version 0.1.0, and of the package that recorded strategies are in."""

from collections.abc import Mapping

MOVED: Mapping[str, str] = {
    "baselines": "harness.baselines",
    "baselines.edits": "harness.baselines.syntax_edits",
    "baselines.nas": "harness.baselines.nsga_net",
    "baselines.random_mutation": "harness.baselines.random_mutation",
    "baselines.seed_only": "harness.baselines.seed_only",
    "baselines.selections": "harness.baselines.selection",
    "baselines.variants": "harness.baselines.llm_variants",
    "harness.archive": "harness.record.archive",
    "harness.arms": "harness.runs.runner",
    "harness.assessment": "harness.evaluation.assessor",
    "harness.attacks": "harness.sandbox.attacks",
    "harness.audit": "harness.worker.size",
    "harness.augmentation": "harness.tasks.image_classification.augmentation",
    "harness.calls": "harness.llm.metering",
    "harness.canvas": "harness.reporting.plot_style",
    "harness.claims": "harness.claims.claim",
    "harness.columns": "harness.reporting.formatting",
    "harness.comparison": "harness.analysis.comparison",
    "harness.compose": "harness.config.compose",
    "harness.config": "harness.config.schema",
    "harness.containment": "harness.sandbox.confinement",
    "harness.credit": "harness.analysis.contribution.attribution",
    "harness.curves": "harness.analysis.curves.series",
    "harness.data": "harness.tasks.image_classification.datasets",
    "harness.display": "harness.runs.display.live_display",
    "harness.dossier": "harness.reporting.run_page",
    "harness.estimate": "harness.runs.estimates.dry_run",
    "harness.evaluation": "harness.evaluation.evaluator",
    "harness.evolution": "harness.evolution.loop",
    "harness.extraction": "harness.llm.answers.extraction",
    "harness.fidelity": "harness.runs.fidelity_study",
    "harness.figures": "harness.reporting.figures.catalog",
    "harness.fitness": "harness.evolution.pareto",
    "harness.flops": "harness.worker.flops",
    "harness.gate": "harness.llm.rate_limit",
    "harness.genome": "harness.evolution.genome",
    "harness.graph": "harness.worker.graph",
    "harness.guided": "harness.llm.guided",
    "harness.halving": "harness.evolution.fidelity",
    "harness.images": "harness.sandbox.shared_data",
    "harness.inference": "harness.analysis.statistics.paired",
    "harness.journal": "harness.record.journal",
    "harness.laboratories": "harness.evaluation.executor",
    "harness.ledger": "harness.evolution.budget",
    "harness.lineage": "harness.analysis.contribution.ancestry",
    "harness.measures": "harness.analysis.metrics",
    "harness.models": "harness.llm.model",
    "harness.notes": "harness.reporting.footnotes",
    "harness.once": "harness.files",
    "harness.papers": "harness.claims.schemas.claims_file",
    "harness.parsing": "harness.sandbox.parser",
    "harness.places": "harness.evaluation.device_slots",
    "harness.playback": "harness.worker.interpreter",
    "harness.population": "harness.evolution.candidate",
    "harness.power": "harness.analysis.statistics.power",
    "harness.process": "harness.sandbox.child_process",
    "harness.progress": "harness.analysis.curves.trajectory",
    "harness.prompts": "harness.llm.prompts",
    "harness.proposal": "harness.evolution.proposer",
    "harness.published": "harness.claims.tables",
    "harness.pytest_plugin": "harness.claims.pytest_plugin",
    "harness.quantities": "harness.analysis.metrics",
    "harness.reading": "harness.analysis.loading",
    "harness.records": "harness.claims.evidence",
    "harness.replay": "harness.runs.replay",
    "harness.report": "harness.reporting.html",
    "harness.reprints": "harness.claims.figures",
    "harness.reproduction": "harness.claims.reproduction",
    "harness.results": "harness.analysis.run_result",
    "harness.run": "harness.runs.run",
    "harness.sandbox": "harness.sandbox.sandbox",
    "harness.scoring": "harness.evaluation.scoring",
    "harness.selection": "harness.evolution.selection",
    "harness.session": "harness.sandbox.job",
    "harness.single": "harness.runs.single_network",
    "harness.summary": "harness.reporting.summary",
    "harness.table": "harness.reporting.tables",
    "harness.tasks": "harness.worker.jobs",
    "harness.tracing": "harness.worker.tracing",
    "harness.tracking": "harness.reporting.tracking.wandb_mirror",
    "harness.training": "harness.worker.training",
    "harness.trainings": "harness.evaluation.cache",
    "harness.transport": "harness.llm.openai_client",
    "harness.usage": "harness.evolution.budget",
    "harness.validation": "harness.evaluation.gates",
    "harness.wire": "harness.sandbox.frames",
    "harness.worker": "harness.worker.server",
}
"""Old import path to new; commands such as ``harness.table`` keep their names as commands."""
RECORDED = frozenset({"harness", "baselines"})
"""Packages that records name for classes of this project."""


def recorded_package(target: str) -> str:
    """Return the package that records name for a class, which is its top-level package.

    ``harness.baselines`` is recorded as ``baselines``, its name in version 0.1.0, so that runs keep
    their identity.

    Args:
        target: Import path of the class, today's or that of version 0.1.0.
    """
    within = target.startswith(f"{MOVED['baselines']}.")
    return "baselines" if within else target.partition(".")[0]


def describe_moved(error: BaseException) -> str:
    """Return the new path of a module that could not be imported as a sentence, or nothing.

    Python imports a package before the modules in it, so that a package that has moved stands for
    all of them.
    """
    name = str(error.name) if isinstance(error, ImportError) else ""
    if name not in MOVED:
        return ""
    within = [f"{old} is {new}" for old, new in MOVED.items() if old.startswith(f"{name}.")]
    modules = f" Of its modules, {', '.join(within)}." if name == "baselines" else ""
    return f"{name} is {MOVED[name]} since version 0.2.0: import it from there.{modules}"
