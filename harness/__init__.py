"""Benchmark and reproducibility harness for LLM-guided evolution of neural networks."""
