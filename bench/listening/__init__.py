"""Listening tests: their design, their pages, and what listeners say, read back as untrusted input."""
