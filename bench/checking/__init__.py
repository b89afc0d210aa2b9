"""What strangers hand in: archives, sound files, fingerprints, the check of a submission."""
