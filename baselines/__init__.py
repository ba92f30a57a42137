"""Methods that GE is compared against, and the networks that evolution starts from."""
