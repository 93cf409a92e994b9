"""The long-running trainer: claims work over HTTP and runs each attempt in a child process."""
