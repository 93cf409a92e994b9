"""Projects and memberships; access.py is the only permission door."""
