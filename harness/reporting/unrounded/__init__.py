"""Numbers as measured: columns of fixed types, and comparison tables as CSV and JSON."""
