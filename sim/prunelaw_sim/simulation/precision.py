"""As many trials as a wanted standard error takes."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from prunelaw.checks import check_integer
from prunelaw.errors import ConvergenceError
from prunelaw_sim.common.arguments import one_number
from prunelaw_sim.simulation.trials import Simulation, simulate

PILOT = 30
MOST_TRIALS = 100_000


def simulate_until(
    stderr: Any,
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    pilot: Any = PILOT,
    most: Any = MOST_TRIALS,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Simulation:
    """`simulate` with as many trials as bring the standard error of the mean down to `stderr`.

    `pilot` >= 10 trials tell the spread s of the error, then (s / stderr)^2 trials are run in all,
    and more until the standard error reached is at most `stderr` > 0.  The trials are those of
    `simulate` with that number of them: more extend what fewer gave.  Stopping by the spread alone
    does not favour any mean.  `progress(done, total)` is called with the present estimate of the
    total; `options` as in `simulate`.

    Raises:
        InputError: for arguments out of range.
        ConvergenceError: if a student missed its certificate, if all trials of the pilot have the
            same error, or before running more than `most` trials, of which it says how many would
            be needed.

    Source:
        Stein, Ann. Math. Stat. 16, 243 (1945): a first sample decides the size of the second.
    """
    wanted = one_number("stderr", stderr, 0.0, low_open=True)
    pilot, most = check_integer("pilot", pilot, 10), check_integer("most", most, 10)
    point = (alpha_tot, f, theta, rule)

    def run(first: int, total: int) -> Simulation:
        def shown(done: int, _: int) -> None:
            if progress is not None:
                progress(first + done, total)

        return simulate(*point, first=first, trials=total - first, progress=shown, **options)

    result = run(0, min(pilot, most))
    while not result.stderr <= wanted:
        needed = _needed(result, wanted)
        if needed > most:
            raise ConvergenceError(
                f"a standard error of {wanted:g} takes about {needed} trials, more than most={most}"
                f"; {result.trials} trials gave {result.stderr:.2g}: ask for less, or raise most"
            )
        result = _joined(result, run(result.trials, needed))
    if result.stderr == 0.0:
        raise ConvergenceError(
            f"all {result.trials} trials have the error {result.mean:g}: the spread that the "
            "number of trials would follow from is unknown; use simulate with a number of trials"
        )
    return result


def _needed(result: Simulation, wanted: float) -> int:
    """Trials in all, by the spread so far; at least one more."""
    return max(result.trials + 1, int(np.ceil(result.trials * (result.stderr / wanted) ** 2)))


def _joined(one: Simulation, more: Simulation) -> Simulation:
    """Trials of two simulations at one point."""
    arrays = {
        field.name: np.concatenate([getattr(one, field.name), getattr(more, field.name)])
        for field in fields(one)
        if isinstance(getattr(one, field.name), np.ndarray)
    }
    return replace(one, **arrays)
