"""Frozen dataset versions with splits that no near-duplicate crosses."""
