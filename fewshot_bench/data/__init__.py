"""Pools of images, class splits, and the episodes drawn from them."""
