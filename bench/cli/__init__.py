"""The command line: parse what is typed, call one step, print its result."""
