"""Authoring campaigns: brief and targets."""
