"""Is it installed, is it still right: doctor, setup, lists, data sets, locks, expectations, noise floor."""
