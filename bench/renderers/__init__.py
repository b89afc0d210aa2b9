"""Renderers: one file per way to turn notes into sound."""
