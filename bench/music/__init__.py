"""What is known of sound and music: controls, drums, metre, loudness, matching, splices."""
