"""Contributors, persons, users, sign-in and tokens."""
