"""Fine-tuning runs: version and recipe to state and metrics."""
