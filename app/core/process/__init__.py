"""Child processes: a pool, and a guard that ends a child with its parent."""
