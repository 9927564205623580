"""Few-shot meta-learning as one grid: learners x backbones x inner optimizers x seeds."""
