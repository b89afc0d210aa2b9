"""Trainers: one file makes one kind of weight file; recipes name them."""
