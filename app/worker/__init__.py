"""The background process: claims jobs from the queue and runs one handler per job kind."""
