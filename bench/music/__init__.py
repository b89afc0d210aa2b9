"""Library of what plugs and stages share about sound: controls, drums, metre, loudness, matching, splices."""
