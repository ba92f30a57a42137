"""Runs wired together and executed: one run, many runs, replays, estimates."""
