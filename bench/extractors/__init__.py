"""Registry of extractors: one file finds drums, onsets, beats, chords, notes, chroma or embeddings in sound."""
