"""Registry of metrics: one file is one family of columns that are measured the same way."""
