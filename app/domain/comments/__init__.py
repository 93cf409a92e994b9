"""Comments on pairs, anchored to a quote, with replies and resolution."""
