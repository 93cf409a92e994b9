"""Fine-tuning runs: a version and a recipe, their progress and their end."""
