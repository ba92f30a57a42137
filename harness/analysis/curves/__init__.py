"""Runs as curves, surfaces and counts: the data behind figures."""
