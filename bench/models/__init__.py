"""Models: one file (or folder) is one system that fills holes; floors and ceilings live here too."""
