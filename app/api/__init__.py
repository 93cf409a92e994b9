"""JSON for scripts and for the trainer."""
