"""Recorded runs as tidy data: fixed columns of fixed types, as frames and as files."""
