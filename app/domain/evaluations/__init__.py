"""Evaluation reports and answers."""
