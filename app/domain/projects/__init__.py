"""Projects and memberships; access.py checks every project permission."""
