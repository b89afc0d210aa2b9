"""The command line: parse options, call one step, print its result."""
