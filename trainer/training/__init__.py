"""The fine-tuning loop with its defaults, loss, optimizer, schedule, validation and checkpoints."""
