"""Does halving find as good a front for a third of the epochs? ``python -m bench.halving RUNS_DIR``.

Reads runs of one arm at several seeds, with ``fidelity=full`` and ``fidelity=halving``, and writes
``halving.json``, from which ``RESULTS.md`` tells.
"""

import json
import math
import statistics
import sys
from pathlib import Path

from scipy.stats import t

from harness.analysis.loading import runs_below

HERE = Path(__file__).parent
COMMAND = (
    'python -m harness -m +ablation=random_mutation "compare=[]" fidelity=full,halving '
    "seed=5,6,7,8,9 recipe.epochs=9 sizes.founders=12 sizes.offspring=12 sizes.elites=12 "
    "budget.evaluations=24 final.seeds=1 final.hall_of_fame=1 limits.train_s=600 "
    "task.size=16 recipe.batch_size=32"
)


def compared(runs):
    """Hypervolume and epochs by seed, each as a pair: with all epochs, halved."""
    found = {}
    for run in runs:
        found.setdefault(run.seed, {})["halving" if run.halved else "full"] = {
            "hypervolume": run.hypervolume,
            "epochs": run.epochs,
            "evaluations": run.evaluations,
        }
    return {str(seed): found[seed] for seed in sorted(found)}


def told():
    """Lines of Markdown on what was measured, none where nothing was."""
    path = HERE / "halving.json"
    if not path.exists():
        return []
    seeds = json.loads(path.read_text(encoding="utf-8"))
    pairs = [(s["full"], s["halving"]) for s in seeds.values()]
    gains = [b["hypervolume"] - a["hypervolume"] for a, b in pairs]
    mean, spread = statistics.fmean(gains), statistics.stdev(gains)
    reach = t.ppf(0.975, len(gains) - 1) * spread / math.sqrt(len(gains))
    epochs = [sum(one["epochs"] for one in side) for side in zip(*pairs, strict=True)]
    rows = [
        f"| {seed} | {s['full']['hypervolume']:.3f} | {s['halving']['hypervolume']:.3f} "
        f"| {s['full']['epochs']} | {s['halving']['epochs']} |"
        for seed, s in seeds.items()
    ]
    return [
        "## `fidelity=halving`", "",
        f"Random mutation on the digits, {len(pairs)} seeds, as many proposals charged in both; the "
        f"rule was chosen on others, 0 to 4:", "",
        f"    {COMMAND}", "    python -m bench.halving runs", "",
        "| seed | hypervolume, all epochs | hypervolume, halving | epochs | epochs, halving |",
        "|---:|---:|---:|---:|---:|",
        *rows, "",
        f"Halving trained {epochs[1] / epochs[0]:.0%} of the epochs. Difference in hypervolume, halving "
        f"less all epochs: {mean:+.3f}, 95 % t interval {mean - reach:+.3f} to {mean + reach:+.3f} "
        f"({len(gains)} pairs).",
    ]  # fmt: skip


if __name__ == "__main__":
    content = compared(runs_below(Path(sys.argv[1])).runs)
    text = json.dumps(content, indent=2) + "\n"
    (HERE / "halving.json").write_text(text, encoding="utf-8")
