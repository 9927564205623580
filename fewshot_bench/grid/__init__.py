"""Grids: from a grid file to cells, and `run`, which computes the cells that are not done in a folder of results."""
