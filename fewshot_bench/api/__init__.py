"""The names behind `import fewshot_bench`: pools, tasks, grids, finished cells, adaptation to your own images."""
