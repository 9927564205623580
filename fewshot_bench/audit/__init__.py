"""Hypergradients of this package and of other libraries, against problems whose answer is known."""
