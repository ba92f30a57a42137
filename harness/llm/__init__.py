"""Large language models: clients, rate limit, metering, prompts, and guided variation."""
