"""Other products on this machine, asked by the same clients. Each is installed into an environment of its own."""
