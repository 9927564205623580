"""A grid file becomes cells; the folder of results says what is done; an engine computes the rest."""
