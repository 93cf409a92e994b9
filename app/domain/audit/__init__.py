"""Who did what to which thing: a hash chain of events."""
