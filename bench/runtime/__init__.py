"""Running work and storing its results: executors, caches, locks, folders, devices, weight files."""
