"""The package as notebooks use it: pools, tasks, finished cells, one's own images. Its names are fewshot_bench's."""
