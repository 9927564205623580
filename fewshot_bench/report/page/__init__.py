"""A results folder as one HTML page that opens from disk, with nothing to load."""
