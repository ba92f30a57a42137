"""Check published claims against runs: ``python -m harness.reproductions NAME plan|run|table``."""

from harness.claims.command import main

if __name__ == "__main__":
    main()
