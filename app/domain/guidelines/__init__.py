"""Versioned guidelines; a published version never changes."""
