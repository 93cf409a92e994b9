"""Notify users and webhooks of what happened to their work."""
