"""From a work file to its output folder: one module for each kind of work."""
