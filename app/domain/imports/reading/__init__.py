"""The child process that reads one uploaded file: hostile bytes in, contents or errors out."""
