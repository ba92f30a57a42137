"""Published claims, one folder each, as arms, seeds and tests over their records."""
