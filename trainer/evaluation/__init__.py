"""Generation, metrics, statistics, baselines, and the report made of them."""
