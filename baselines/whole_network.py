"""An LLM that writes whole networks: best of N, and each after what was measured.

These are the two simple baselines of Gideoni (2026, arXiv 2602.16805): independent samples, and
samples conditioned on earlier ones. A sample is a whole program, not a change of one segment.

The answer is a Python file without segment markers. It is cut at the definitions that have the
names of segments; what comes before a definition, such as a helper, belongs to it. Only entry
points must be there, segments that no other one uses, such as the network and its optimizer: the
harness calls them. Of any other segment that an answer leaves out, the seed network's code stays,
unused.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Template
from typing import ClassVar

from harness.baselines.llm_history import chosen, measured, objectives_text, refused, shown_detail
from harness.baselines.llm_single_call import SingleCall
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.answers.extraction import extract, is_script, statements
from harness.llm.call_sequence import CallSequence, no_answer
from harness.llm.model import Completion
from harness.llm.prompts import fill, require_template, require_texts
from harness.sandbox.parser import Definition, definitions, syntax_tree

_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True, kw_only=True)
class WholePrompts:
    """The texts of ``conf/prompts/whole_network.yaml``, with ``$name`` for each value.

    Attributes:
        objectives: What counts.
        independent: The prompt of a sample that knows the seed network alone.
        sequential: The prompt of a sample that knows what was measured.
        original: What the seed network is called where it is the best so far.
        nothing: What is said before anything was measured.
        left_out: What is said of measurements that are left out.
        rules: Rules for every answer.
    """

    objectives: str
    independent: str
    sequential: str
    original: str
    nothing: str
    left_out: str
    rules: str

    def __post_init__(self) -> None:
        """Raise InputError for what is no text, and for a template with a name without a value."""
        require_texts(self)
        shared = {"objectives", "rules", "original", "code"}
        require_template("rules", self.rules, {"names", "network"})
        require_template("independent", self.independent, shared)
        require_template("sequential", self.sequential, shared | {"best", "history"})
        require_template("left_out", self.left_out, {"n"})


@dataclass(frozen=True, kw_only=True)
class WholeNetwork(SingleCall):
    """Asks an LLM for each network as a whole.

    Args:
        prompts: Arguments of ``WholePrompts``.
        tells_history: Whether a prompt shows the parent and all measurements; otherwise it shows
            the seed network, and samples are independent.
    """

    prompts: Mapping[str, str]
    tells_history: bool

    labels: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        """Refuse impossible settings, and prompts with missing or unknown texts."""
        super().__post_init__()
        _ = self.texts

    @cached_property
    def texts(self) -> WholePrompts:
        """The prompts, by name."""
        return WholePrompts(**self.prompts)

    def ask(
        self, operator: str, genome: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Have a whole network written."""
        segment = network_of(context.reference.genome)
        calls = self.calls(_WholeFile, genome, context, segment=segment)
        child = calls.ask(operator, self._text(genome, context))
        steps = tuple(call.request.step for call in calls.made)
        detail = calls.detail | (shown_detail(context) if self.tells_history else {})
        return child, Variation(operator=operator, segment="several", detail=detail, calls=steps)

    def _text(self, genome: Genome, context: Context) -> str:
        prompts, seed = self.texts, context.reference
        rules = Template(prompts.rules).substitute(
            names=" and ".join(entry_points(seed.genome)), network=network_of(seed.genome)
        )
        measures = objectives_text(seed, self.wording)
        shared = {"objectives": prompts.objectives, "rules": rules, "original": measures}
        if not self.tells_history:
            code = file_of(seed.genome, reference=seed.genome)
            return fill(prompts.independent, code=code, **shared)
        best = [one for one in measured(context) if one.genome == genome]
        return fill(
            prompts.sequential,
            code=file_of(genome, reference=seed.genome),
            best=objectives_text(best[-1], self.wording) if best else prompts.original,
            history="\n".join(self._history(context)) or prompts.nothing,
            **shared,
        )

    def _history(self, context: Context) -> Iterator[str]:
        """Yield a line for each measurement and refusal that the prompt shows."""
        shown, left_out = chosen(measured(context), most=self.most_measured)
        for one in shown:
            yield f"- {objectives_text(one, self.wording)}"
        if left_out:
            yield Template(self.texts.left_out).substitute(n=left_out)
        for decided in refused(context, most=self.most_refused):
            if isinstance(decided.outcome, Rejection):
                yield f"- not measured: {decided.outcome.reason}"


class _WholeFile(CallSequence):
    """Reads a whole file instead of one segment."""

    unchanged = "the answer is the network that was shown"

    def read(self, completion: Completion) -> Genome | Rejection:
        """Return the genome of the answer's file, or why it is none."""
        seed = self.context.reference.genome
        extracted = extract(
            completion.text, segment=self.segment, current=self.genome[self.segment]
        )
        if extracted is None:
            return no_answer(f"a Python file that defines {self.segment}")
        if extracted.note:
            self.detail["extraction"] = extracted.note
        try:
            parts = cut(extracted.code, seed)
        except (SyntaxError, ValueError):  # the parse gate gives the reason
            return seed.replace(self.segment, extracted.code)
        missing = [name for name in entry_points(seed) if name not in parts]
        if missing:
            reason = f"expected a whole file, the answer does not define {' or '.join(missing)}"
            return Rejection(gate="extract", kind="extract", reason=reason)
        child = seed
        for name, source in parts.items():
            child = child.replace(name, source)
        return child


def cut(code: str, seed: Genome) -> dict[str, str]:
    """Cut a file into the segments of the seed network that it defines.

    Statements before the first definition, such as constants, go to the first segment, since
    segments keep the seed network's order. Left out are imports of what the header imports under
    the same names, and what would run as a script.

    Raises:
        SyntaxError: The code does not parse.
        ValueError: It is too large to be parsed.
    """
    imports = (node for node in syntax_tree(seed.header).body if isinstance(node, _IMPORTS))
    known = {_binding(node, alias) for node in imports for alias in node.names}

    def unwanted(node: ast.stmt) -> bool:
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        return future or is_script(node)

    parts: dict[str, list[str]] = {}
    first, pending = list[str](), list[str]()
    for node, text in statements(code, without=unwanted):
        if isinstance(node, Definition) and node.name in seed.names and node.name not in parts:
            parts[node.name], pending = [*pending, text], []
            continue
        here = pending if isinstance(node, Definition) or parts or pending else first
        if isinstance(node, _IMPORTS):  # the lint gate refuses what is imported twice
            node.names = [a for a in node.names if _binding(node, a) not in known]
            here += [ast.unparse(node)] if node.names else []
        else:
            here.append(text)
    order = [name for name in seed.names if name in parts]
    if order:
        parts[order[0]] = [*first, *parts[order[0]]]
        parts[order[-1]] += pending
    return {name: "\n\n\n".join(parts[name]) for name in order}


def _binding(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[str, str]:
    """Return the name that an import binds, and the module or object that it stands for."""
    if isinstance(node, ast.ImportFrom):
        return alias.asname or alias.name, f"{node.module}.{alias.name}"
    top = alias.name.partition(".")[0]
    return (alias.asname, alias.name) if alias.asname else (top, top)


def entry_points(genome: Genome) -> list[str]:
    """Return the network, and the segments that no other one uses: the harness calls them."""
    used = {name for one in genome.names for name in _uses(genome, one) if name != one}
    return [name for name in genome.names if name not in used or name == network_of(genome)]


def network_of(genome: Genome) -> str:
    """Return the name of the network: the last segment that is a class."""
    classes = [
        segment.name
        for segment in genome.segments
        for node in definitions(segment.source)
        if isinstance(node, ast.ClassDef) and node.name == segment.name
    ]
    return [genome.names[-1], *classes][-1]


def file_of(genome: Genome, *, reference: Genome) -> str:
    """Return a genome as the file that an LLM sees: imports, and the segments in use.

    Without markers, which belong to the harness, and without the header's docstring, which may name
    a paper.

    Args:
        genome: The network.
        reference: The seed network, whose entry points count as used.
    """
    reached, unseen = set[str](), entry_points(reference)
    while unseen:
        reached.add(name := unseen.pop())
        unseen += _uses(genome, name) - reached
    imports = [text for _, text in statements(genome.header, without=is_script)]
    sources = [segment.source for segment in genome.segments if segment.name in reached]
    return "\n\n\n".join(["\n".join(imports), *sources])


def _uses(genome: Genome, name: str) -> set[str]:
    """Return the segments whose names a segment's code contains."""
    try:
        tree = syntax_tree(genome[name])
    except (SyntaxError, ValueError):
        return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & set(genome.names)
