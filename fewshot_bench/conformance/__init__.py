"""Checks for backbones, inner optimizers and learners, the package's own and yours, for `fewshot-bench check`."""
