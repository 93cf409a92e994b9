"""Versioned writing rules; a published version never changes."""
