"""The audit log: a hash chain of events, with signed checkpoints in a file outside the database."""
