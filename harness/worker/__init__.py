"""What runs inside the sandbox: training, tracing, replay, and parameter counts. Imports torch."""
