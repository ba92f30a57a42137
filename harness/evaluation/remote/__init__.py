"""Gates and trainings on other processes and machines; ``evaluation.executor`` does them here."""
