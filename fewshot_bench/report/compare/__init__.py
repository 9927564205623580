"""`fewshot-bench compare`: two runs side by side."""
