"""Copies of runs on tracking servers."""
