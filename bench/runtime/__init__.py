"""Library of where and how work is done and kept: executors, caches, locks, folders, devices, weight files."""
