"""Who did what to which thing: a hash chain of events, with checkpoints signed and kept elsewhere."""
