"""All errors that the harness raises on purpose.

    HarnessError
    ├── InputError           unusable input: exit status 2
    │   ├── GenomeError      a file without usable segments
    │   ├── RecordError      a journal or recorded study that does not fit
    │   ├── ReplayMiss       a recorded study has no answer to a prompt
    │   └── NotRun           the runs of a claim are not recorded
    ├── BudgetSpent          a call would exceed a limit of the budget: the loop catches it
    └── MachineError         the machine or a service failed, not a candidate: exit status 1

A candidate that fails is no exception but a ``Rejection`` (``evolution.candidate``).
"""


class HarnessError(Exception):
    """Root of all errors raised on purpose.

    The message is one sentence for a terminal, or an argument for each of several.
    """

    exit_status = 1

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class InputError(HarnessError):
    """The input cannot be used; the message says what to do."""

    exit_status = 2


class GenomeError(InputError):
    """A source text has no usable segments."""


class RecordError(InputError):
    """A journal or recorded study is damaged, of another version, or in use."""


class ReplayMiss(InputError):  # noqa: N818 - the field's word for it
    """A recorded study holds no answer to a prompt; no live call takes its place."""


class NotRun(InputError):  # noqa: N818 - what a claim without a record is called
    """The runs that decide a claim are not recorded; the message has the command to run."""


class BudgetSpent(HarnessError):  # noqa: N818 - a normal end of a run
    """A call would exceed a limit of the budget; the child is dropped."""


class MachineError(HarnessError):
    """A worker, device or service failed, so no candidate can be judged."""
