"""Prompt texts in, code out: the only place that renders a prompt or reads an answer."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from harness.parsing import syntax_tree

# As in CommonMark, a fence is indented by three spaces at most: deeper ones are text in a string.
_FENCE = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[^\n`]*\n(.*?)(?:^ {0,3}\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


NEUTRAL = "neutral"
"""Name of the opening without a character."""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """All texts of the method, from ``conf/prompts``; ``$name`` marks what is filled in.

    categories: what a mutation asks for, by name. characters: who is asked to speak, by name
    (Character Role Play). neutral: the opening without a character. matings: what a merge is
    asked to favour, by name. progress: what is told of the best network so far, where a sampler
    tells it. review: the check of an answer.
    """

    categories: Mapping[str, str]
    characters: Mapping[str, str]
    neutral: str
    matings: Mapping[str, str]
    rules: str
    mutation: str
    eot: str
    mating: str
    progress: str
    review: str

    def mutation_text(
        self,
        *,
        category: str,
        character: str,
        segment: str,
        code: str,
        header: str,
        progress: str = "",
    ) -> str:
        """Render the plain mutation of one segment, after a word on progress if there is any."""
        opening = self._opening(character)
        return self._render(
            self.mutation,
            opening=f"{opening}\n\n{progress}" if progress else opening,
            request=self.categories[category],
            segment=segment,
            code=code,
            header=header,
        )

    def eot_text(
        self, *, character: str, segment: str, code: str, example: "Example", header: str
    ) -> str:
        """Render the mutation that reflects on an earlier change (Evolution of Thought)."""
        return self._render(
            self.eot,
            opening=self._opening(character),
            segment=segment,
            code=code,
            example=example.segment,
            before=example.before,
            after=example.after,
            accuracy_change=example.accuracy_change,
            params_change=example.params_change,
            header=header,
        )

    def mating_text(self, *, favour: str, segment: str, code: str, mate: str, header: str) -> str:
        """Render the merge of two versions of one segment."""
        return self._render(
            self.mating,
            request=self.matings[favour],
            segment=segment,
            code=code,
            mate=mate,
            header=header,
        )

    def progress_text(self, *, accuracy_change: str, params_change: str) -> str:
        """Tell what was measured of the best network so far, beside the original."""
        return Template(self.progress).substitute(
            accuracy_change=accuracy_change, params_change=params_change
        )

    def review_text(self, *, segment: str, before: str, code: str, header: str) -> str:
        """Render the check of an answer against what it is to replace."""
        return self._render(self.review, segment=segment, before=before, code=code, header=header)

    def _opening(self, character: str) -> str:
        return self.neutral if character == NEUTRAL else self.characters[character]

    def _render(self, text: str, *, header: str, **values: str) -> str:
        rules = Template(self.rules).substitute(segment=values["segment"], imports=imported(header))
        return Template(text).substitute(values, rules=rules).strip() + "\n"


@dataclass(frozen=True, kw_only=True)
class Example:
    """A change that evolution made to one segment, with what was measured of it."""

    segment: str
    before: str
    after: str
    accuracy_change: str
    params_change: str


def imported(header: str) -> str:
    """Say which names a header imports, such as ``torch, nn and F (torch.nn.functional)``."""
    names = []
    for node in ast.walk(syntax_tree(header)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or alias.name
                names.append(f"{name} ({module}{alias.name})" if alias.asname else name)
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "nothing"


def change_in_accuracy(before: float, after: float) -> str:
    """Say how the validation accuracy changed, in percentage points."""
    return f"from {before:.2%} to {after:.2%} ({100 * (after - before):+.2f} percentage points)"


def change_in_params(before: int, after: int) -> str:
    """Say how the number of parameters changed, in percent."""
    return f"from {before:,} to {after:,} ({(after - before) / before:+.1%})"


def extract_code(answer: str, *, segment: str) -> str | None:
    """Return the answer's code for one segment, or None when there is none.

    Of the fenced blocks, the longest that defines the segment's name; an answer without fences
    counts as code where it parses and defines the name.
    """
    answer = answer.replace("\r\n", "\n")
    blocks = [match[2] for match in _FENCE.finditer(answer)] or [answer]
    fitting = [block for block in blocks if segment in defined_names(block)]
    if fitting:
        return max(fitting, key=len).strip("\n")
    # A fenced block that does not parse is still the answer: the parse gate names what is wrong.
    return max(blocks, key=len).strip("\n") if _FENCE.search(answer) else None


def defined_names(source: str) -> list[str]:
    """Names of the classes and functions that a source defines at its top level."""
    try:
        tree = syntax_tree(source)
    except (SyntaxError, ValueError):
        return []
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds)]
