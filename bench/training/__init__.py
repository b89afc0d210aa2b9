"""Shared code of the trainers: recipes, the training loop, songs as sound and as tokens; `train` runs a recipe."""
