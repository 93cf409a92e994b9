"""Model versions: what a run produced."""
