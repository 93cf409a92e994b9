"""How well reviewers agree with one another and with gold pairs, and their statistics."""
