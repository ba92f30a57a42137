"""The algorithm: genomes, selection, budget, and the loop. No torch, no LLM, no files."""
