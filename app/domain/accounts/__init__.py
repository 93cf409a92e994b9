"""Contributors, persons, users, permissions and API tokens."""
