"""Metrics: one file per family of columns that are measured the same way."""
