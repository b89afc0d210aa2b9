"""Listening tests: their design and pages, and ratings read back as untrusted input."""
