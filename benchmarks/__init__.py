"""Each figure of the README as a command that anyone can run."""
