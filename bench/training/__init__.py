"""Library of what trainers share: recipes, the loop, songs as sound and as tokens."""
