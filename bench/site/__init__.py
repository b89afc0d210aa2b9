"""The site: one static folder of pages that show the tables of a board, and play what its systems made."""
