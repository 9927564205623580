"""Other libraries' datasets become pools, and tasks take the forms that other libraries' training loops take.

In: `classes` (images by class, of a torch, learn2learn or torchmeta dataset), then `pools.pool_of(classes, folder)`.
Out: `episodes.torchmeta_batches(stream, ...)` and `episodes.Taskset(stream)`, with a stream of training.tasks.streams.
Nothing here needs the libraries themselves; `importing` imports the two that have aged, `uv sync --extra peers` brings
them. Where they compute what a learner here computes, tests/peers compares.
"""
