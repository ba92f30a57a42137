"""What a command shows of a comparison: arms in an order, under labels, with some columns.

A choice changes no number: tests, their adjustment and the row of the seed network are those of the
whole comparison.
"""

import argparse
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.errors import InputError
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.formatting import Column, Values
from harness.reporting.notes.note import Note
from harness.reporting.tables import Document, Table
from harness.reporting.task_tables import describe_tasks
from harness.text import one_line

_COMMA = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Arms, columns and labels; by default all, as they are.

    Attributes:
        arms: Names of the arms to show, in their order; empty for all.
        columns: Names of the columns to show, in their order; empty for all.
        labels: What readers see in place of an arm's name.
    """

    arms: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def check(self, known: Collection[str], *, style: str = "markdown") -> None:
        """Check that all arms are known, and that the format has what is chosen.

        Args:
            known: Names of all arms.
            style: Format of the tables; CSV and JSON have all columns, and arms by their names.

        Raises:
            InputError: There is no arm of a name, two arms would have one label, or the format has
                no labels.
        """
        for option, names in (("arms", self.arms), ("labels", self.labels)):
            if unknown := [name for name in names if name not in known]:
                raise InputError(
                    f"{option}: expected arms on record, some of {', '.join(known)}, got "
                    f"{', '.join(unknown)}. What is in brackets is part of a name."
                )
        shown = [self.labels.get(name, name) for name in known]
        if twice := [label for label in shown if shown.count(label) > 1]:
            raise InputError(
                f"labels: expected a label of its own for each arm, got {twice[0]} twice."
            )
        for option, given in (("labels", self.labels), ("columns", self.columns)):
            if given and style in {"csv", "json"}:
                raise InputError(
                    f"{option}: expected the format markdown or latex, got {style}, whose rows "
                    f"have all columns, and arms by their own names."
                )

    def of_comparison(self, comparison: Comparison) -> Comparison:
        """Return a comparison with the chosen arms alone, under their labels, for figures."""
        labelled = {arm.name: self._labelled(arm) for arm in comparison.arms}
        names = self.names(list(labelled))
        reference = comparison.reference and labelled[comparison.reference.name]
        return replace(
            comparison, arms=tuple(labelled[name] for name in names), reference=reference
        )

    def of_document(self, document: Document, arms: Sequence[str]) -> Document:
        """Return a document with the rows of the chosen arms and the chosen columns.

        Args:
            document: The tables of a comparison.
            arms: Names of all of its arms.
        """
        if self == Choice():
            return document
        hidden = [name for name in arms if name not in self.names(arms)]
        return replace(
            document,
            headings=tuple(note for note in document.headings if note.arm not in hidden),
            tables=tuple(self._of_table(table, arms) for table in document.tables),
            notes=(
                *map(Note, self._notes(document, arms)),
                *(note for note in document.notes if note.arm not in hidden),
            ),
        )

    def names(self, arms: Sequence[str]) -> list[str]:
        """Return the chosen ones of a comparison's arms, in their order."""
        return [name for name in self.arms if name in arms] if self.arms else list(arms)

    def _labelled(self, arm: Arm) -> Arm:
        return replace(arm, shown_as=self.labels.get(arm.name))

    def _of_table(self, table: Table, arms: Sequence[str]) -> Table:
        rows = [row for row in table.rows if _arm_of(row) not in arms]
        rows += [row for name in self.names(arms) for row in table.rows if _arm_of(row) == name]
        labels = {
            str(row["arm"]): self.labels[arm] + str(row["arm"]).removeprefix(arm)
            for row in rows
            if (arm := _arm_of(row)) in self.labels
        }
        return replace(
            table, rows=tuple(rows), columns=self._columns(table), labels={**self.labels, **labels}
        )

    def _columns(self, table: Table) -> tuple[Column, ...]:
        first, *others = table.columns
        by_name = {column.name: column for column in others}
        chosen = [by_name[name] for name in self.columns if name in by_name]
        return (first, *(chosen if self.columns else others))

    def _notes(self, document: Document, arms: Sequence[str]) -> Iterator[str]:
        names = self.names(arms)
        if left_out := [name for name in arms if name not in names]:
            yield (
                f"Arms that are not shown: {', '.join(left_out)}. No number depends on the choice: "
                f"p (Holm) is adjusted for all comparisons, theirs included."
            )
        rows = [row for table in document.shown for row in table.rows]
        if unknown := [name for name in self.columns if not any(name in row for row in rows)]:
            yield f"Columns without a value in these tables: {', '.join(unknown)}."
        if labels := [f"{self.labels[name]} is {name}" for name in names if name in self.labels]:
            yield f"Labels: {'; '.join(labels)}. Notes name arms as they are on record."


def _check_columns(columns: Sequence[str], documents: Sequence[Document]) -> None:
    """Check that tables know these columns; one without a value is named in a note."""
    tables = [table for document in documents for table in document.tables]
    shown = dict.fromkeys(column.name for table in tables for column in table.columns[1:])
    known = {name for table in tables for row in table.rows for name in row}
    if unknown := [name for name in columns if name not in known]:
        raise InputError(
            f"columns: expected columns of these tables, some of {', '.join(shown)}, got "
            f"{', '.join(unknown)}."
        )


def add_choice(parser: argparse.ArgumentParser, *, columns: bool = True) -> None:
    """Add the options that choose arms, labels and columns."""
    parser.add_argument(
        "--arms",
        metavar="ARM,...",
        help="arms to show, in this order, NAME for all of NAME (...); no number changes",
    )
    parser.add_argument(
        "--labels", metavar="ARM=LABEL", nargs="+", action="extend", default=[],
        help='what readers see in place of arms: --labels full="GE (full)"',
    )  # fmt: skip
    if columns:
        parser.add_argument(
            "--columns", metavar="COLUMN,...",
            help="columns to show, in this order, by their names in JSON",
        )  # fmt: skip


def chosen(names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the arms that names choose: one by its name, or all ``NAME (...)`` of a name.

    A name that chooses none is returned as it is, see ``Choice.check``.
    """
    found: list[str] = []
    for name in names:
        several = [one for one in known if one.startswith(f"{name} (")]
        found += [name] if name in known else several or [name]
    return tuple(dict.fromkeys(found))


def names_of(found: Sequence[Comparison]) -> list[str]:
    """Return the names of all arms of comparisons."""
    return list(dict.fromkeys(arm.name for one in found for arm in one.arms))


def described(
    found: Sequence[Comparison], choice: Choice, *, measure: str | None = None
) -> list[Document]:
    """Return what a choice shows of the tables of comparisons.

    Args:
        found: The comparisons.
        choice: What to show.
        measure: See ``describe_comparison``.

    Returns:
        A document for each comparison, in their order, and one over all tasks where they have
        several.

    Raises:
        InputError: There is no column of a name.
    """
    documents = [describe_comparison(one, measure=measure) for one in found]
    over = [one for one in (describe_tasks(found, measure=measure),) if one is not None]
    if choice.columns:
        _check_columns(choice.columns, [*documents, *over])
    if choice.columns or choice.arms:
        documents = [
            describe_comparison(one, measure=measure, columns=choice.columns, arms=choice.arms)
            for one in found
        ]
    arms = [*([arm.name for arm in one.arms] for one in found), *(names_of(found) for _ in over)]
    return [
        choice.of_document(document, names)
        for document, names in zip([*documents, *over], arms, strict=True)
    ]


def choice_of(
    arguments: argparse.Namespace, arms: Sequence[str], *, style: str = "markdown"
) -> Choice:
    """Return the choice of the options that ``add_choice`` added, see ``Choice.check``.

    Raises:
        InputError: A label has no arm, or the choice is refused.
    """
    labels = {}
    for text in arguments.labels:
        name, equals, label = text.partition("=")
        if not (name and equals and label.strip()):
            raise InputError(f"labels: expected ARM=LABEL, got {text}.")
        labels[name] = one_line(label)
    choice = Choice(
        arms=chosen(_names(arguments.arms, arms), arms),
        columns=_names(getattr(arguments, "columns", None), ()),
        labels=labels,
    )
    choice.check(arms, style=style)
    return choice


def _names(text: str | None, known: Collection[str]) -> tuple[str, ...]:
    """Return names separated by commas; one within parentheses separates none."""
    if text is None or text in known:
        return () if text is None else (text,)
    return tuple(dict.fromkeys(part.strip() for part in _COMMA.split(text)))


def _arm_of(row: Values) -> str:
    """Return the arm that a row is of, which a row of a part of its runs names apart."""
    return str(row.get("of_arm", row["arm"]))
