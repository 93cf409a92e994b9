"""Terms of contribution, versioned, and who accepted which."""
