"""Registry of trainers: one file trains one kind of weight file; recipes name them. Shared code: bench/training."""
