"""Morris 2024, held against runs."""
