"""The functions of `import fewshot_bench`: pools, tasks, grids, trained cells, adaptation to your own images."""
