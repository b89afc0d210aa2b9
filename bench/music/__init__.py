"""Signal processing and music theory: controls, drums, metre, loudness, matching, splicing."""
