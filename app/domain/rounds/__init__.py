"""Rounds: authoring campaigns with a brief and targets."""
