"""Effort of runs: what their budgets allow, what they took, and runs cut to equal effort."""
