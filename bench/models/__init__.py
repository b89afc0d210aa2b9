"""Registry of models: one file is one model that fills holes; floors and ceilings are among them."""
