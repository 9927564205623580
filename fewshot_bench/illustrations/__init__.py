"""Pictures of what hypergradients do, on problems small enough to draw."""
