"""Notes below tables, by what they are about."""
