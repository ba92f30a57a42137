"""The machine that trainings run on: what this process may use of it."""
