"""One cell of a grid: its settings, its outer loop, its evaluation, its files."""
