"""The command line: each command calls one action, or starts the processes. Knows nothing of pages or routes."""
