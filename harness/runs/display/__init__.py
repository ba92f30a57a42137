"""Progress of a run while it goes on: what it does, what it has spent."""
