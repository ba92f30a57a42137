"""Jobs that a launcher submitted to Slurm. The door to submitit.

A launcher of submitit returns the results of its jobs in their order, and raises at the first that
was cancelled or lost. The others go on, or have not even begun.
"""

from pathlib import Path

_JOB = "%j"
"""What submitit replaces by the number of a job."""
_SUBMITTED = "_submitted.pkl"


def submitting_to(folder: Path) -> str:
    """Return the override that makes a launcher keep its jobs and their output in a folder."""
    path = str(folder / _JOB).replace("'", "\\'")
    return f"hydra.launcher.submitit_folder='{path}'"


def wait_for_jobs(folder: Path) -> None:
    """Wait until every job has ended that was submitted from a folder, however it ends."""
    numbers = sorted(file.name.removesuffix(_SUBMITTED) for file in folder.glob(f"*/*{_SUBMITTED}"))
    if numbers:
        import submitit

        for number in numbers:
            submitit.SlurmJob[object](folder=folder / _JOB, job_id=number).wait()
