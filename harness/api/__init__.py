"""What ``import harness`` offers: run, load, frames, comparisons, plots."""
