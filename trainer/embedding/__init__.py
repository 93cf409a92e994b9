"""The sentence embedding that finds similar pairs."""
