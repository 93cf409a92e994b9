"""Imports of files of pairs: upload, column mapping, checks, and the rows to write."""
