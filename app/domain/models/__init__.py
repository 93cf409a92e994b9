"""Model versions: the results of runs."""
