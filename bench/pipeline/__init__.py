"""From music to outputs: sources, examples and their checks, generation, preparation; `run` does every step."""
