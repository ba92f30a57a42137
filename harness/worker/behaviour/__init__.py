"""Digests of what a network computes and how it learns."""
