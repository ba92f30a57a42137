"""Prompt texts: the only place that renders a prompt."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from harness.sandbox.parser import syntax_tree

_SMALLEST_SHARE = 0.0005
"""A smaller one would read as 0.0%."""

NEUTRAL = "neutral"
"""Name of the opening without a character."""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """All texts of the method, from ``conf/prompts``; ``$name`` marks what is filled in.

    categories: what a mutation asks for, by name. characters: who is asked to speak, by name
    (Character Role Play). neutral: the opening without a character. matings: what a merge is
    asked to favour, by name. progress: what is told of the best network so far, where a sampler
    tells it. review: the check of an answer. repair: the question
    again, after a gate refused the answer.
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
    repair: str

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
            accuracy_change=example.score_change,
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

    def progress_text(self, *, score_change: str, params_change: str) -> str:
        """Tell what was measured of the best network so far, beside the original."""
        return Template(self.progress).substitute(
            accuracy_change=score_change, params_change=params_change
        )

    def review_text(self, *, segment: str, before: str, code: str, header: str) -> str:
        """Render the check of an answer against what it is to replace."""
        return self._render(self.review, segment=segment, before=before, code=code, header=header)

    def repair_text(self, *, request: str, answer: str, reason: str) -> str:
        """Render a request again, with the answer that was refused and the gate's reason."""
        texts = {"request": request.strip(), "answer": answer, "reason": reason}
        return Template(self.repair).substitute(texts).strip() + "\n"

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
    score_change: str
    params_change: str


def imported(header: str) -> str:
    """Say what a header imports: ``torch, nn and F (torch.nn.functional) are imported``."""
    names = []
    for node in ast.walk(syntax_tree(header)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or alias.name
                names.append(f"{name} ({module}{alias.name})" if alias.asname else name)
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "nothing"
    return f"{listed} {'are' if len(names) > 1 else 'is'} imported"


def change_in_score(before: float, after: float) -> str:
    """Say how the validation accuracy changed, in percentage points."""
    points = f"{100 * (after - before):+.2f} percentage points"
    return f"from {before:.2%} to {after:.2%} ({points if after != before else 'unchanged'})"


def change_in_params(before: int, after: int) -> str:
    """Say how the number of parameters changed, in percent."""
    share = (after - before) / before
    told = f"{share:+.1%}" if abs(share) >= _SMALLEST_SHARE else "by less than 0.1%"
    return f"from {before:,} to {after:,} ({told if after != before else 'unchanged'})"
