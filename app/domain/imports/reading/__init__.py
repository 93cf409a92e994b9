"""What the short-lived child process does with an uploaded file: hostile bytes in, contents or words out."""
