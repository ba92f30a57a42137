"""The files of a reproduction, as typed values: which runs to plan, which numbers were published."""
