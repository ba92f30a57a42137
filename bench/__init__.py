"""What a candidate costs, measured: ``nox -s bench`` writes ``RESULTS.md``."""
