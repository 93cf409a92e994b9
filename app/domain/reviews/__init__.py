"""Leases and verdicts."""
