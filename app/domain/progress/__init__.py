"""How far rounds and people have come, and when a target will be reached."""
