"""Training of one cell, or of several that differ in their seed: outer loop, evaluation, checkpoints, plans."""
