"""Checks of an installation and of the suite: doctor, setup, lock, expectations, noise floor."""
