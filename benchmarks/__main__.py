"""Run all benchmarks, or those named: `python -m benchmarks [train ...]`."""

import importlib
import pkgutil
import sys

import benchmarks


def available() -> list[str]:
    """Names of the modules bench_NAME beside this file."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name.removeprefix("bench_") for name in found if name.startswith("bench_"))


def run(names: list[str]) -> int:
    """Print each benchmark's table; exit code 2 for a name that does not exist."""
    unknown = sorted(set(names) - set(available()))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(available())}")
        return 2
    for name in names or available():
        importlib.import_module(f"benchmarks.bench_{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
