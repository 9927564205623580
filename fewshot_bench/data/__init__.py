"""Datasets: pools of images, class splits, and the tasks drawn from them. Nothing here imports torch."""
