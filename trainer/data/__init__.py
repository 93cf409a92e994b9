"""Split files, the chat template, tokenized datasets and batches."""
