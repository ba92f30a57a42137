"""The code that decides results: which files it is, and their digests."""
