"""Frozen dataset versions with leak-safe splits."""
