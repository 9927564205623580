"""Exchange with other few-shot libraries: their datasets as pools, and tasks in the forms of their training loops.

In: `classes` (images by class, of a torch, learn2learn or torchmeta dataset), then `pools.pool_of(classes, folder)`.
Out: `episodes.torchmeta_batches(stream, ...)` and `episodes.Taskset(stream)`, with a stream of training.tasks.streams.
Nothing here needs the libraries themselves. `importing` imports learn2learn and torchmeta, which `uv sync --extra
peers` installs. tests/peers compares their results with those of the learners here.
"""
