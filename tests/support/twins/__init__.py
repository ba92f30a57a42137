"""Pairs of networks that are two functions, most of them in late steps alone."""
