"""The baselines without an LLM, held against one another over 20 seeds."""
