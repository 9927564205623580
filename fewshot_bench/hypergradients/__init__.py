"""Gradients of what adaptation achieves with respect to what is meta-learned."""
