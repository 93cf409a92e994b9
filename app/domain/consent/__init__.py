"""Versioned terms of contribution and their acceptances."""
