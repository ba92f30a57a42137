"""Print what a run would cost before it starts: ``python -m harness.estimate [overrides]``."""

import argparse

from harness.config.compose import compose, expanded
from harness.evaluation.executor import candidates_at_once
from harness.runs.estimates.total_cost import estimate, show_estimates
from harness.terminal import exit_on_error


def main() -> None:
    """Print what the composed run, or each of a sweep, would cost, arm by arm."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.estimate", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="every job of a sweep")
    parser.add_argument("overrides", nargs="*", help="as for python -m harness")
    arguments = parser.parse_intermixed_args()
    flags = ["--multirun"] if arguments.multirun else []
    with exit_on_error():
        jobs = [estimate(job) for job in expanded([*flags, *arguments.overrides])]
        config = compose(next(iter(expanded([*flags, *arguments.overrides]))))
        show_estimates(jobs, sweep=arguments.multirun, workers=candidates_at_once(config))


if __name__ == "__main__":
    main()
