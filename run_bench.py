"""The same program as the `fewshot-bench` command, for a checkout: `uv run run_bench.py`."""

import sys

from fewshot_bench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
