"""The main job: run the three parts and keep what each found.

The caller keeps the state after every part, so that an interrupted or partly failed run leaves what
it has.  What to compute is in `simulated`, `published` and `real`; here is the order of events.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from prunelaw.errors import InputError, PrunelawError
from prunelaw_sim.verification.published import check_utility
from prunelaw_sim.verification.real import check_sweeps, digits_sweeps
from prunelaw_sim.verification.simulated import check_simulation

if TYPE_CHECKING:
    from prunelaw_sim.tables.sweep import Sweep

Progress = Callable[[int, int], None]
# A label to a context that gives a function (done, total): how the caller shows progress.
ProgressFactory = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Settings:
    """How much work: dimension N → trials a point, and which size of the embedded sweeps."""

    name: str
    trials: Mapping[int, int]
    quick_sweeps: bool


# The line in 1/N through N = 100 and 200 weighs them by −1 and 2.
FULL = Settings("full", {100: 250, 200: 120}, quick_sweeps=False)
QUICK = Settings("quick", {50: 40, 100: 30}, quick_sweeps=True)


@dataclass(frozen=True, eq=False)
class Outcome:
    """One part: its result, or why there is none."""

    title: str
    result: Any
    error: str | None
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the part ran and found what it should."""
        return self.error is None and bool(self.result.good)


@dataclass(frozen=True, eq=False)
class Verification:
    """All parts of one run, and the folder that holds its report."""

    settings: Settings
    seed: int
    folder: Path
    outcomes: Mapping[str, Outcome]
    status: str
    """"running", "interrupted" or "complete" """

    @property
    def good(self) -> bool:
        """Whether every part was run and is good."""
        return self.status == "complete" and all(o.good for o in self.outcomes.values())

    def to_dict(self) -> dict[str, Any]:
        """Every number, as `results.json` holds it."""
        parts = {
            name: {"good": o.good, "error": o.error, "seconds": o.seconds, "result": o.result}
            for name, o in self.outcomes.items()
        }
        settings = {"name": self.settings.name, "seed": self.seed, "trials": self.settings.trials}
        head = {"status": self.status, "good": self.good, "settings": settings}
        return {**head, "report": str(self.folder), "parts": parts}


def new_folder(out: Path | None, now: time.struct_time) -> Path:
    """A folder that did not exist: `out`, or one inside it if it exists, or one in reports/.

    Raises:
        InputError: if a file stands in the way or the folder cannot be made.
    """
    name = time.strftime("verify-%Y%m%d-%H%M%S", now)
    if out is not None and not out.exists():
        wanted, suffixes = out, [""]
    else:
        wanted = (out or Path("reports")) / name
        suffixes = ["", *(f"-{i}" for i in range(2, 1000))]
    for suffix in suffixes:
        folder = wanted.with_name(wanted.name + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as cause:
            raise InputError(
                f"--out must be a folder that can be made, got {folder}: {cause.strerror}"
            ) from cause
        return folder
    raise InputError(f"--out must be a new folder or hold one; every name like {wanted} is taken")


def verify(
    settings: Settings,
    seed: int,
    folder: Path,
    *,
    sweeps: "tuple[Sweep, ...] | None" = None,
    show: ProgressFactory,
    written: Callable[[Verification], None],
    finished: Callable[[str, Outcome], None] = lambda name, outcome: None,
) -> Verification:
    """Runs all parts; `folder` holds the report, which `written` writes anew after each part.

    sweeps    the user's tables; None: train the embedded digits sweeps here
    show      shows progress, see `ProgressFactory`
    written   keeps a state: report and numbers
    finished  called with each part's name and outcome as it ends

    A part that fails is recorded and the others go on.  `KeyboardInterrupt` is passed on after
    the report of the finished parts is written.
    """
    outcomes: dict[str, Outcome] = {}

    def reported(status: str) -> Verification:
        state = Verification(settings, seed, folder, dict(outcomes), status)
        written(state)
        return state

    stop = Event()
    # Part 3's training runs behind part 1: compiling for one leaves a core to the other.
    with ThreadPoolExecutor(max_workers=1) as background:
        trained = None
        if sweeps is None:
            trained = background.submit(digits_sweeps, settings.quick_sweeps, _unless(stop))
        try:
            for name, (title, job) in _jobs(settings, seed, sweeps, trained).items():
                with show(title) as progress:
                    outcomes[name] = _run(title, job, progress)
                reported("running")
                finished(name, outcomes[name])
        except KeyboardInterrupt:
            stop.set()
            reported("interrupted")
            raise
    return reported("complete")


class _StoppedError(Exception):
    """Ends the training behind a run that was interrupted."""


def _unless(stop: Event) -> Progress:
    """A progress callback that ends the work once `stop` is set."""

    def check(done: int, total: int) -> None:
        if stop.is_set():
            raise _StoppedError

    return check


def _jobs(
    settings: Settings,
    seed: int,
    sweeps: "tuple[Sweep, ...] | None",
    trained: "Future[tuple[Sweep, ...]] | None",
) -> dict[str, tuple[str, Callable[[Progress], Any]]]:
    """Name → (title, what to do), in the order of the report.

    `sweeps` are the user's, or `trained` will hold the embedded ones.
    """

    def both_laws(progress: Progress) -> Any:
        if trained is None:
            return check_sweeps(sweeps or (), progress=progress)
        return check_sweeps(trained.result(), expect_all=True, progress=progress)

    return {
        "simulation": (
            "Pruning theory against simulation",
            lambda progress: check_simulation(settings.trials, seed, progress=progress),
        ),
        "utility": ("Utility decay: published fits", lambda progress: check_utility()),
        "sweep": ("Both laws on a real sweep", both_laws),
    }


def _run(title: str, job: Callable[[Progress], Any], progress: Progress) -> Outcome:
    """The job's result, or the error in its place; an unexpected one keeps its traceback."""
    start = time.perf_counter()
    result, error = None, None
    try:
        result = job(progress)
    except PrunelawError as cause:
        error = str(cause)
    except Exception:  # a defect in one part must not cost the results of the others
        error = traceback.format_exc()
    return Outcome(title, result, error, time.perf_counter() - start)
