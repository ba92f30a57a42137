"""Digests of behaviour: the code of a network without what never acts."""
