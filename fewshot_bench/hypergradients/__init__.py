"""Hypergradients: the gradient of the loss after adaptation with respect to meta-parameters."""
