"""Leases, reviews, adjudication and gold answers."""
