"""What happened in a run, durably: the journal, archives, the Weights & Biases mirror."""
