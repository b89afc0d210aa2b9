"""Registry of renderers: one file turns notes into sound."""
