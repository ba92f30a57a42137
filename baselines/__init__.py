"""Methods that GE is compared against, and the networks that evolution starts from."""

if __name__ != "harness.baselines":  # a checkout has them in its path under both names
    raise ImportError(
        f"{__name__} is harness.baselines since version 0.2.0: import it from there.", name=__name__
    )
