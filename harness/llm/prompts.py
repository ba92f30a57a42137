"""Prompt templates, and the only code that renders them."""

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from string import Template

from harness.errors import InputError
from harness.sandbox.parser import syntax_tree
from harness.text import reason_of, visible

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
_LONGEST_PROMPT = 1 << 20
"""In characters; a template could repeat a value without end."""
_LONGEST_ANSWER = 1 << 16
"""How much of an answer another prompt shows, in characters; no gate accepts more."""
_SMALLEST_SHARE = 0.0005
"""Smallest share that is shown as a number: a smaller one would be 0.0%."""

_BY_NAME = frozenset({"categories", "characters", "matings", "genes"})
"""Prompts that are texts by name."""
NEUTRAL = "neutral"
"""Name of the opening without a character, among the characters."""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """All templates of the method, from ``conf/prompts``, with ``$name`` for each value.

    Attributes:
        score: What the task calls its score; ``$SCORE_change`` stands for a change of it.
        categories: Requests of mutations, by name.
        characters: Openings with a character (Character Role Play), by name.
        neutral: The opening without a character.
        matings: Requests of merges, by name of what they favour.
        rules: Rules for every answer.
        mutation: A plain mutation.
        eot: A mutation that reflects on an earlier change (Evolution of Thought); ``$numbers``
            stands for ``eot_numbers``.
        mating: A merge of two versions.
        progress: Measurements of the best network so far, for samplers that show them.
        eot_numbers: Measured changes of a network that serves as an example. Prompts of version
            0.1.0 have them in ``eot``.
        feedback: Measurements of the parent.
        review: The check of an answer.
        repair: A request again, after a gate refused the answer.
    """

    score: str

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
    eot_numbers: str = ""
    feedback: str = ""

    def __post_init__(self) -> None:
        """Check the templates.

        Raises:
            InputError: A template is no text, or has a name without a value.
        """
        require_texts(self)
        change = {f"{self.score}_change", "params_change"}
        for name, values in _VALUES_OF.items():
            known = change | {"numbers"} if name in _TELLS_CHANGE else set[str]()
            require_template(name, getattr(self, name), {*values, *known})

    @property
    def eot_has_character(self) -> bool:
        """Whether Evolution of Thought is asked in character; the published prompt has none."""
        return "$opening" in self.eot

    @property
    def eot_has_changes(self) -> bool:
        """Whether every example is shown with its measured changes, as in version 0.1.0."""
        return "$params_change" in self.eot

    def mutation_text(
        self,
        *,
        category: str,
        character: str,
        segment: str,
        code: str,
        header: str,
        measurements: str = "",
    ) -> str:
        """Render the plain mutation of one segment, with the measurements, if any."""
        opening = self._opening(character)
        return self._render(
            self.mutation,
            opening=f"{opening}\n\n{measurements}" if measurements else opening,
            request=self.categories[category],
            segment=segment,
            code=code,
            header=header,
        )

    def eot_text(
        self,
        *,
        character: str,
        segment: str,
        code: str,
        example: "Example",
        header: str,
        measurements: str = "",
        numbers: bool = False,
    ) -> str:
        """Render the mutation that reflects on an earlier change (Evolution of Thought).

        Args:
            character: Whose opening it has, if the template has one.
            segment: Name of the segment that is to be changed.
            code: Its code.
            example: The earlier change.
            header: Header of the genome.
            measurements: Sentences on measurements; empty for none.
            numbers: Whether the example's measured changes are shown.
        """
        shown = self.change_text(self.eot_numbers, example.change) if numbers else ""
        text = self._render(
            self.eot,
            numbers=f" {shown}" if shown else "",
            opening=self._opening(character),
            segment=segment,
            code=code,
            example=example.segment,
            before=example.before,
            after=example.after,
            **self._named(example.change),
            header=header,
        )
        return f"{measurements}\n\n{text}" if measurements else text

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

    def change_text(self, template: str, change: "Change") -> str:
        """Render measured changes with ``progress``, ``feedback`` or ``eot_numbers``."""
        return _filled(template, self._named(change))

    def review_text(self, *, segment: str, before: str, code: str, header: str) -> str:
        """Render the check of an answer, which no gate has seen, against the code it replaces."""
        code = code[:_LONGEST_ANSWER]
        return self._render(self.review, segment=segment, before=before, code=code, header=header)

    def repair_text(self, *, request: str, answer: str, reason: str) -> str:
        """Render a request again, with the refused answer and the gate's reason."""
        answer = answer[:_LONGEST_ANSWER]
        texts = {"request": request.strip(), "answer": visible(answer), "reason": visible(reason)}
        return _filled(self.repair, texts, within_fences=[answer]).strip() + "\n"

    def _named(self, change: "Change") -> dict[str, str]:
        return {f"{self.score}_change": change.score, "params_change": change.params}

    def _opening(self, character: str) -> str:
        return self.neutral if character == NEUTRAL else self.characters[character]

    def _render(self, text: str, *, header: str, **values: str) -> str:
        rules = _filled(self.rules, {"segment": values["segment"], "imports": imported(header)})
        return fill(text, rules=rules, **values)


_ASKS = frozenset({"segment", "code", "rules"})
_VALUES_OF: Mapping[str, Collection[str]] = {
    "rules": ("segment", "imports"), "mutation": _ASKS | {"opening", "request"},
    "eot": _ASKS | {"opening", "example", "before", "after"}, "mating": _ASKS | {"request", "mate"},
    "review": _ASKS | {"before"}, "repair": ("request", "answer", "reason"),
    "progress": (), "eot_numbers": (), "feedback": (),
}  # fmt: skip
"""Values of each template of ``Prompts``, by name."""
_TELLS_CHANGE = frozenset({"eot", "progress", "eot_numbers", "feedback"})
"""Templates that also have the measured changes as values."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Measured changes of a network from the seed network, in words.

    Attributes:
        score: Of its score: ``from 98.33% to 98.61% (+0.28 percentage points)``.
        params: Of its number of parameters: ``from 2,000 to 1,500 (-25.0%)``.
        directions: Of both: ``score up and parameters down``.
    """

    score: str
    params: str
    directions: str

    @property
    def detail(self) -> dict[str, str]:
        """Entries of ``Variation.detail``."""
        return {
            "shown": self.directions,
            "shown_score": self.score,
            "shown_params": self.params,
        }


@dataclass(frozen=True, kw_only=True)
class Example:
    """A change that evolution made to one segment, and what was measured of its network."""

    segment: str
    before: str
    after: str
    change: Change


def fill(template: str, **values: str) -> str:
    """Fill a template's ``$names`` with values, which may come from an LLM.

    Invisible characters of the values are escaped, and no value closes the fence that it is shown
    in.
    """
    shown = {name: visible(value) for name, value in values.items()}
    return _filled(template, shown, within_fences=shown.values()).strip() + "\n"


def _filled(template: str, values: Mapping[str, str], *, within_fences: Iterable[str] = ()) -> str:
    """Fill in a template.

    Args:
        template: The template, with ``$name`` for each value.
        values: The values by name.
        within_fences: Texts that no fence of the template may be closed by.

    Raises:
        InputError: The prompt would be too long; it is not made.
    """
    longest = {"`": 0, "~": 0}
    for run in (run for text in within_fences for run in _FENCE.findall(text)):
        longest[run[0]] = max(longest[run[0]], len(run))
    names = (found["named"] or found["braced"] for found in Template.pattern.finditer(template))
    size = len(template) + sum(len(values.get(name, "")) for name in names)
    size += sum(longest[fence[0]] + 1 for fence in _FENCE.findall(template))
    if size > _LONGEST_PROMPT:
        raise InputError(
            f"prompts: expected templates whose prompts have at most {_LONGEST_PROMPT:,} "
            f"characters, found one whose prompt has {size:,}. Use each value fewer times."
        )

    def longer(fence: re.Match[str]) -> str:
        mark = fence[1][0]
        return fence[0].replace(fence[1], mark * max(len(fence[1]), longest[mark] + 1))

    return Template(_FENCE.sub(longer, template)).substitute(values)


def require_texts(prompts: object) -> None:
    """Raise InputError unless the fields of a class of prompts are texts, or texts by name."""
    for name, value in vars(prompts).items():
        if name in _BY_NAME and not (isinstance(value, Mapping) and value):
            got = reason_of(str(value), 80)
            raise InputError(f"prompts.{name}: expected texts by name, at least one, got {got}.")
        named = {f"{name}.{key}": text for key, text in value.items()} if name in _BY_NAME else {}
        for setting, text in (named or {name: value}).items():
            if not isinstance(text, str):
                got = reason_of(str(text), 80)
                raise InputError(f"prompts.{reason_of(setting, 80)}: expected a text, got {got}.")


def require_template(name: str, template: str, values: Collection[str]) -> None:
    """Raise InputError unless a template can be filled.

    Args:
        name: Its name among the prompts.
        template: The template.
        values: Names of the values that it is filled with.
    """
    for found in Template.pattern.finditer(template):
        value = found["named"] or found["braced"]
        if found["escaped"] is None and value not in values:
            here = reason_of(template[found.start() : found.start() + 40])
            raise InputError(
                f"prompts.{name}: expected a template with no names but "
                f"{', '.join(f'${one}' for one in sorted(values))}, and $$ for a dollar sign, "
                f"found {here}."
            )


def imported(header: str) -> str:
    """Return what a header imports: ``torch, nn and F (torch.nn.functional) are imported``."""
    names = []
    for node in ast.walk(syntax_tree(header)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or alias.name
                names.append(f"{name} ({module}{alias.name})" if alias.asname else name)
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "nothing"
    return f"{listed} {'are' if len(names) > 1 else 'is'} imported"


def change_in_params(before: int, after: int) -> str:
    """Return a change of the number of parameters: ``from 2,000 to 1,500 (-25.0%)``."""
    share = (after - before) / before
    change = f"{share:+.1%}" if abs(share) >= _SMALLEST_SHARE else "by less than 0.1%"
    return f"from {before:,} to {after:,} ({change if after != before else 'unchanged'})"
