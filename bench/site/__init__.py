"""The site: static pages that show the tables of a board and play the outputs of its systems."""
