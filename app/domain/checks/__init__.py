"""Pure functions from text to problems. No tables, no session."""
