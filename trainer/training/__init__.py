"""The fine-tuning loop, its loss, schedule and checkpoints."""
