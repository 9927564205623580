"""Measurements of the package, one command a file; nothing of it is installed."""
