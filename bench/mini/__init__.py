"""The mini universe: small networks with the interfaces of the full-size ones, trained by our recipes alone."""
