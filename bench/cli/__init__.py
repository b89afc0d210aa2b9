"""The command line: what is typed is parsed, one step is called, its result is printed."""
