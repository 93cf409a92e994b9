"""How well reviewers agree with each other and with gold answers, and their statistics."""
