"""Everything the harness raises on purpose.

HarnessError
├── InputError           what the user gave cannot be used: exit status 2
│   ├── GenomeError      a file without usable segments
│   ├── RecordError      a journal or recorded study that does not fit
│   ├── ReplayMiss       a recorded study was asked for an answer it does not hold
│   └── NotRun           a claim was asked for whose runs are not on record
├── BudgetSpent          a call was not sent, for it did not fit under a limit: the loop catches it
└── MachineError         the machine or a service failed, no candidate is to blame: exit status 1

A candidate that fails is not an exception but a ``Rejection`` (see ``population``).
"""


class HarnessError(Exception):
    """Root of all errors raised on purpose; the message is one sentence fit for a terminal."""

    exit_status = 1


class InputError(HarnessError):
    """What the user gave cannot be used; the message says what to do."""

    exit_status = 2


class GenomeError(InputError):
    """A source text has no usable segments."""


class RecordError(InputError):
    """A journal or a recorded study is damaged, of another version, or in use."""


class ReplayMiss(InputError):  # noqa: N818 - the field's word for it
    """A recorded study holds no answer to a prompt; never answered by a live call."""


class NotRun(InputError):  # noqa: N818 - what a claim without a record is called
    """The runs that decide a claim are not on record; the message has the command for them."""


class BudgetSpent(HarnessError):  # noqa: N818 - no error: a run that has spent its budget ends
    """A call was not sent, for it did not fit under a limit; its child never comes to be."""


class MachineError(HarnessError):
    """A worker, device or service failed, so no verdict about a candidate is possible."""
