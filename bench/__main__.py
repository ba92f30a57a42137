"""Write ``RESULTS.md`` from what pytest-benchmark measured: ``python -m bench FILE.json``.

The figures of each GPU, ``results-NAME.json`` beside this file, have a section each.
"""

import json
import sys
from pathlib import Path

from bench.gpu.screen import section
from bench.halving import told

HERE = Path(__file__).parent


def machine_of(content):
    machine, cpu = content["machine_info"], content["machine_info"]["cpu"]
    return (
        f"{cpu.get('brand_raw', machine['processor'])}, {cpu.get('count')} cores, "
        f"{machine['system']} {machine['release']}, Python {machine['python_version']}, "
        f"torch {machine['torch']}, GPU: {machine['gpu'] or 'none'}, {content['datetime'][:10]}, "
        f"commit {content['commit_info'].get('id', 'unknown')[:12]}"
    )


def rows_of(content):
    for one in content["benchmarks"]:
        name = one["name"].removeprefix("test_").replace("_", " ")
        extra = dict(one["extra_info"])
        if not extra or set(extra) == {"threads"}:
            stats = one["stats"]
            extra = {"median": f"{1e3 * stats['median']:.1f} ms, best {1e3 * stats['min']:.1f} ms"}
        command = f'`pytest -n0 "{one["fullname"]}" --images FOLDER`'
        for i, (what, value) in enumerate(extra.items()):
            yield (name if i == 0 else "", what, value, command if i == 0 else "")


def main(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    text = (HERE / "INTRODUCTION.md").read_text(encoding="utf-8")
    lines = [text.rstrip(), "", f"Measured on {machine_of(content)}.", ""]
    lines += ["| benchmark | what | value | command |", "|---|---|---:|---|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows_of(content)]
    if content.get("skipped"):
        lines += ["", "Not measured:", ""]
        lines += [f"- {name}: {why}" for name, why in content["skipped"].items()]
    for file in sorted(HERE.glob("results-*.json")):
        lines += ["", *section(json.loads(file.read_text(encoding="utf-8")))]
    lines += ["", *told()]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
