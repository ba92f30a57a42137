"""Runs as values: metrics, statistics, comparisons."""
