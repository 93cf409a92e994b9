"""Code in a text: where it stands and whether it parses."""
