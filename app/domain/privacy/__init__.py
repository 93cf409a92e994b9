"""Where a model comes from and where a contribution went; a person's data in one file; erasure."""
