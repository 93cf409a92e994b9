"""Indexes over the pairs of a project: near-duplicates, embeddings, full text."""
