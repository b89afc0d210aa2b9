"""Extractors: one file is one way to find drums, onsets, beats, chords, notes, chroma or embeddings in sound."""
