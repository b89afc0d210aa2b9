"""Datasets: one file (or folder) is one dataset; the file name is its public name."""
