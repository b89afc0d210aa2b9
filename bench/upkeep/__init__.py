"""Is it installed, is it still right: doctor, setup, lock, expectations, noise floor."""
