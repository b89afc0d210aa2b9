"""From music to outputs: source, build, handout, generate; `run` goes on to the table."""
