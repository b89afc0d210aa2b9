"""Library of the mini networks: a small codec and separator with the interfaces of the full-size ones."""
