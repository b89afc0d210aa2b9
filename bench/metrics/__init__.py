"""Metrics: one file is one family of columns measured the same way."""
