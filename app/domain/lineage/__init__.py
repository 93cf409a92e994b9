"""Where every example came from and where it went; dataset and model cards."""
