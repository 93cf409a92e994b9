"""Importing files of pairs: upload, column mapping, checks, and the rows that are written."""
