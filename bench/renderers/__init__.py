"""Renderers: one file is one way to turn symbols into sound."""
