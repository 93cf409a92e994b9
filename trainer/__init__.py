"""The trainer: fine-tunes a base model on a dataset version and evaluates it. Knows nothing of the web application."""
