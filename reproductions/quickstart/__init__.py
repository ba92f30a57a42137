"""The recorded runs, held against runs on this machine."""
