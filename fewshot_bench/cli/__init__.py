"""The command line: one file for each command, which parses options, calls the package and prints."""
