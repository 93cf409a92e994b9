"""Evaluations: systems on a test set, their answers and reports."""
