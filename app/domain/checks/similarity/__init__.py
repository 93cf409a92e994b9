"""Near-duplicates: by wording and by meaning."""
