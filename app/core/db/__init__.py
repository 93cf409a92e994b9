"""The database: engine, sessions, commit, and fast paths that a benchmark justifies."""
