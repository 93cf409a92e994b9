"""Base models: loading them safely, adapters, merging, compute settings."""
