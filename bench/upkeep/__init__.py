"""Checks of an installation and of the suite: doctor, setup, lists, data sets, lock, expectations, noise floor."""
