"""A user's own images as a dataset: which class each belongs to, their pixels, their class split, and all faults."""
