"""Shared set-up: quick runs by recorded durations, kept compilations, data beside the project."""

import os
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from recorded import Durations, Recorder

settings.register_profile("prunelaw", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("prunelaw")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# Programs that JAX compiled are kept from run to run; workers and subprocesses share them.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out what is recorded as slow")
    parser.addoption("--all-types", action="store_true", help="run-time types of sim and figures")
    parser.addoption("--record", action="store_true", help="write tests/durations.json")


def pytest_configure(config):
    config.durations = Durations()
    if config.getoption("--record"):
        config.pluginmanager.register(Recorder(), "recorder")
    if config.getoption("--all-types"):
        jaxtyping.install_import_hook(["prunelaw_sim", "prunelaw_figures"], "beartype.beartype")


def pytest_ignore_collect(collection_path, config):
    """A quick run does not even import a file all of whose tests are slow."""
    if config.getoption("--quick") and collection_path.suffix == ".py":
        file = collection_path.relative_to(ROOT).as_posix()
        return True if config.durations.slow_file(file) else None
    return None


def pytest_collection_modifyitems(config, items):
    """The longest files first, so that no worker is left with one at the end."""
    known = config.durations
    items.sort(key=lambda item: -known.of_file(item.nodeid.partition("::")[0]))
    if config.getoption("--quick"):
        slow = [item for item in items if known.slow_test(item.nodeid)]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not known.slow_test(item.nodeid)]


def pytest_sessionfinish(session):
    recorder = session.config.pluginmanager.get_plugin("recorder")
    if recorder and not hasattr(session.config, "workerinput"):
        recorder.write()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real training sweeps kept beside the project; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real sweeps are not on this machine ({SHARED_DATA.name} folder is absent)")
    return SHARED_DATA
