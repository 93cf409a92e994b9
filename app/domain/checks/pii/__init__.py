"""Personal data and secrets in a text: what finds them, and what takes their place."""
