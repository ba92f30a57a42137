"""The command line of ``python -m harness``: its flags, its help, and the jobs that it names."""
