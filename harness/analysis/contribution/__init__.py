"""Contributions to the networks: of operators and prompts in an arm, of each ancestor's change."""
