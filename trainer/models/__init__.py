"""Models: loading them safely, adapters, compute settings."""
