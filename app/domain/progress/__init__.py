"""Progress of rounds and users, and a forecast for each target."""
