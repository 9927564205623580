"""The curvature of iMAML's inner problem where adaptation ends: is its linear system positive definite?

    uv run benchmarks/curvature.py [--data-dir DIR] [--tasks 4] [--steps 16] [--lam 2.0] [--downsample stride]

Real Omniglot, 5-way 1-shot, vgg at its initial weights, gradient descent of rate 0.1 inside, float32. Prints, for each
task, the lowest and highest eigenvalues (Lanczos) of the Hessian of support loss + lam / 2 |w - start|^2.
"""

import argparse
from pathlib import Path

import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.func import grad, vjp

from fewshot_bench.cells.cell import Cell, Training
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import default_data_dir
from fewshot_bench.hypergradients.batching import tree_map
from fewshot_bench.hypergradients.problem import solve
from fewshot_bench.hypergradients.vectors import row, shaped
from fewshot_bench.learners.adaptation import regularised
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.meta_step import begin, stage
from fewshot_bench.training.plan import Plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--lam", type=float, default=2.0)
    parser.add_argument("--downsample", choices=("pool", "stride"), default="stride")
    options = parser.parse_args()
    cell = Cell(
        dataset="omniglot",
        split="gimli",
        ways=5,
        shots=1,
        learner="imaml",
        backbone="vgg",
        inner_optimizer="sgd",
        seed=0,
        training=Training(inner_steps=options.steps),
        backbone_options=(("downsample", options.downsample), ("slope", 0.0)),
    )
    pool = open_pool(dataset_named("omniglot"), options.data_dir or default_data_dir())
    assembly = assemble(cell, pool, Plan("cpu", torch.get_num_threads(), 1))
    state = begin(assembly.learner, assembly.parts, options.steps, "cpu")
    now = stage(state, options.steps, 1)
    problem = regularised(assembly.parts, now, lambda meta: options.lam, lambda *unused: None, noisy=False)
    tasks = assembly.streams.train(0, options.tasks)
    print("| task | lowest | highest |\n|---|---|---|")
    for index in range(options.tasks):
        task = tree_map(lambda leaf, index=index: leaf[index], tasks)
        w, _ = solve(problem, state.meta, task)
        products = vjp(lambda w, task=task: grad(problem.inner)(w, state.meta, task, 0), w)[1]

        def times(v, products=products, w=w):  # type: ignore[no-untyped-def]
            return row(products(shaped(torch.as_tensor(v, dtype=torch.float32).reshape(-1), w))[0]).numpy()

        size = sum(tensor.numel() for tensor in w.values())
        hessian = LinearOperator((size, size), matvec=times, dtype="float32")
        low, high = (eigsh(hessian, k=1, which=end, tol=1e-2, return_eigenvectors=False).item() for end in ("SA", "LA"))
        print(f"| {index} | {low:.2f} | {high:.2f} |", flush=True)


if __name__ == "__main__":
    main()
