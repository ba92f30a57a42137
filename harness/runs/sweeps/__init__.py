"""Several runs of one command: their plan, their progress, and jobs in processes of their own."""
