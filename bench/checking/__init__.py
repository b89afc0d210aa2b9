"""Submissions of others: archives, sound files, fingerprints, and the check of a submission."""
