"""Errors, names, options, seeds, files and leases, which every other folder uses. Imports none of them."""
