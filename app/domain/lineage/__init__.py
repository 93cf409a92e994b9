"""The origin and the uses of every example; dataset and model cards."""
