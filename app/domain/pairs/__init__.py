"""Pairs and their immutable revisions."""
