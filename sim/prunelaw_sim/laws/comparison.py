"""Laws side by side on one table: which predicts larger budgets, and which can be told apart.

The order of the questions:

1. Held out: every law is fitted to the smaller budgets and predicts the largest.  A law is worse
   than the one of least error if the squared errors of the same held-out runs differ by more than
   random signs would make them (a paired permutation test).
2. Among the laws that this cannot tell apart, AICc of a fit to all rows decides:

       AICc = rows log(RSS/rows) + 2k + 2k(k + 1)/(rows − k − 1),    k = free parameters + 1,

   for normal scatter of unknown size (Hurvich and Tsai 1989); ∞ where rows ≤ k + 1.

How well a law describes the rows that it was fitted to is shown, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.fit import Fit, root_mean_square
from prunelaw_sim.fits.least_squares_fit import budget_of
from prunelaw_sim.fits.rising import rising_rows
from prunelaw_sim.fits.rollout import Step, rollout
from prunelaw_sim.fits.rows import Table, select
from prunelaw_sim.laws.registry import LAWS, fit_rows
from prunelaw_sim.tables.settings import unequal_runs
from prunelaw_sim.tables.sweep import Sweep

SAME = 1e-5  # relative: predictions so close are ties, whatever the sign of their rounding
WORSE = 0.05  # a paired difference less probable than this is one
APART = 4.0  # a difference of AICc above this tells laws apart (Burnham and Anderson 2002: 4 to 7)
OPTIONS = ("hold_out_above", "together", "log_error")  # that `compare_laws` passes on
FEWEST_RUNS = 6  # 2/2^runs is the least p of random signs: with 5 runs it is above WORSE
_ALL_SIGNS = 14  # up to so many runs all 2^runs signs are tried
_DRAWS = 20_000


@dataclass(frozen=True)
class Candidate:
    """A law of `LAWS` with its options, under a name of its own."""

    name: str
    law: str
    options: Mapping[str, Any] = field(default_factory=dict)


def candidates() -> dict[str, Candidate]:
    """The laws that are compared unless others are named: what each of the catalogue says."""
    ways = ((law, name, given) for law in LAWS for name, given in LAWS[law].compared.items())
    return {name: Candidate(name, law, given) for law, name, given in ways}


@dataclass(frozen=True, eq=False)
class LawComparison:
    """Laws held against the same rows, in order: best first, those without a prediction last.

    Attributes:
        table: one row a law: `law`, `convention`; `parameters`, free ones of the fit to all rows;
            `in_sample_rmse`, no criterion; `held_out_rmse` of the largest budgets; `p_value` of
            the paired test against the least held-out error; `rollout_rmse` of all steps that
            every law could take; `aicc` of the fit to all rows, `delta_aicc` above the least of
            the table; `verdict` in words.
        steps: one row a law and a step of the roll-out: `limit`, `upper` (rows up to `limit` were
            fitted, those above and up to `upper` predicted), `rows`, `rmse` (nan: see `reason`).
        best: name of the best law; None if none predicts.
        undecided: laws that cannot be told from the best one.
        log_error: whether all errors above are of log error, and laws were fitted in it.
        rows: the table that was compared on.
        fits: name → fit to the rows up to `hold_out_above`, with predictions of the others.
        full_fits: name → fit to all rows.
    """

    table: pd.DataFrame
    steps: pd.DataFrame
    best: str | None
    undecided: tuple[str, ...]
    remarks: tuple[str, ...]
    hold_out_above: float
    log_error: bool
    rows: pd.DataFrame = field(repr=False)
    fits: Mapping[str, Fit] = field(repr=False)
    full_fits: Mapping[str, Fit] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; nan and inf become None.  `values`: of the fits to all rows."""
        return to_plain(
            {
                "laws": self.table.to_dict("records"),
                "best": self.best,
                "undecided": self.undecided,
                "remarks": self.remarks,
                "hold_out_above": self.hold_out_above,
                "log_error": self.log_error,
                "steps": self.steps.to_dict("records"),
                "values": {name: fit.values for name, fit in self.full_fits.items()},
            }
        )


def compare_laws(
    sweep: Sweep | pd.DataFrame,
    laws: Sequence[str | Candidate] | None = None,
    *,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    together: bool = False,
    log_error: bool = False,
) -> LawComparison:
    """Fit every law to the smaller budgets, predict the larger ones, and say which is best.

    A budget is the samples seen, or the compute of a table that has no samples seen.

    A law that cannot be fitted stands in the table with the reason.

    Args:
        sweep: a table of runs; a frame has canonical columns (`Sweep.from_frame`).
        laws: names of `candidates()`, or `Candidate` objects; default: all whose columns are there.
        hold_out_above: rows with more samples_seen are predicted.  Default: the largest budgets
            that hold a tenth of the rows, and then, as a roll-out, the next smaller ones by the
            rows below.
        group, together: as in `fit_utility` and `fit_data_constrained`.
        log_error: all laws are fitted and judged in log error, for losses over decades.

    Raises:
        InputError: for arguments.
        TableError: for a table without samples_seen and compute, or without error.
    """
    if isinstance(sweep, pd.DataFrame):
        sweep = Sweep.from_frame(sweep)
    frame = sweep.frame.reset_index(drop=True)
    table = select(frame, group, together)
    by = budget_of(table)
    table.require(by)
    chosen, remarks = _chosen(laws, sweep.columns)
    steps = _steps(table, hold_out_above, by)
    asked = {"together": together, "log_error": log_error}
    options = {name: True for name, wanted in asked.items() if wanted}
    trials = [_Trial(one, table, steps, options, by) for one in chosen]
    rows = frame.loc[table.labels].reset_index(drop=True)
    return _compared(trials, rows, steps, remarks, log_error, by)


class _Trial:
    """One law: its fits, its residuals on held-out rows, and why there are none."""

    def __init__(
        self, one: Candidate, table: Table, steps: Sequence[Step], options: Mapping[str, Any],
        by: str,
    ) -> None:  # fmt: skip
        self.name, self.logs = one.name, "log_error" in options
        self.options = {**options, **one.options}
        self.law = one.law
        self.full, self.full_reason = self._fit(table, None)
        self.fits: list[Fit | None] = []
        self.reasons: list[str] = []
        for step in steps:
            seen = table.numbers(by) <= step.upper
            fit, reason = self._fit(table.where(seen), step.limit)
            self.fits.append(fit)
            self.reasons.append(reason)

    @property
    def predicts(self) -> bool:
        """Whether the largest budgets were predicted."""
        return self.fits[0] is not None

    def held_out(self, step: int) -> Float[np.ndarray, " rows"]:
        """Residuals of the predicted rows of a step, on the scale that is judged."""
        return self._residuals(step, held_out=True)

    def rmse(self, step: int, held_out: bool = True) -> float:
        """Of the predicted rows, or of the fitted ones; nan if there is no fit."""
        if self.fits[step] is None:
            return math.nan
        return root_mean_square(self._residuals(step, held_out))

    def same_as(self, other: _Trial) -> bool:
        """Whether both predict the held-out rows alike, as far as a fit is solved."""
        mine, theirs = self.fits[0], other.fits[0]
        assert mine is not None and theirs is not None
        rows = ~mine.fitted
        return np.allclose(mine.predicted[rows], theirs.predicted[rows], rtol=SAME, atol=0.0)

    def pooled(self, steps: Sequence[int]) -> float:
        """Of the predicted rows of several steps."""
        if not steps or not self.predicts:
            return math.nan
        return root_mean_square(np.concatenate([self.held_out(step) for step in steps]))

    @property
    def free(self) -> float:
        """Free parameters."""
        return math.nan if self.full is None else float(self.full.free)

    @property
    def aicc(self) -> float:
        """Of the fit to all rows; nan if there is none."""
        return math.nan if self.full is None else self.full.aicc

    def _residuals(self, step: int, held_out: bool) -> Float[np.ndarray, " rows"]:
        fit = self.fits[step]
        assert fit is not None
        off = np.log1p(fit.residuals / fit.predicted) if self.logs else fit.residuals
        return off[~fit.fitted if held_out else fit.fitted]

    def _fit(self, table: Table, limit: float | None) -> tuple[Fit | None, str]:
        held_out = {} if limit is None else {"hold_out_above": limit}
        try:
            return fit_rows(self.law, table, **held_out, **self.options), ""
        except (InputError, ConvergenceError) as cause:
            return None, str(cause)


def _chosen(
    laws: Sequence[str | Candidate] | None, columns: tuple[str, ...]
) -> tuple[list[Candidate], list[str]]:
    """The laws to compare, and what is left out for want of columns."""
    if laws is not None:
        if not laws:
            raise InputError("laws must name one law or more; got none")
        names = [one if isinstance(one, Candidate) else _named(one) for one in laws]
        if len({one.name for one in names}) < len(names):
            raise InputError("laws must have different names")
        return names, []
    chosen, remarks = [], []
    for one in candidates().values():
        needed = LAWS[one.law].needed(columns)
        missing = [name for name in needed if name not in columns]
        if missing:
            remarks.append(f"{one.name} is left out: no column {', '.join(missing)}")
        else:
            chosen.append(one)
    if not chosen:
        raise InputError(f"no law can be compared: {'; '.join(remarks)}")
    return chosen, remarks


def _named(name: str) -> Candidate:
    known = candidates()
    return known[check_choice("laws", name, tuple(known))]


def _steps(table: Table, above: float | int | None, by: str) -> tuple[Step, ...]:
    seen = table.numbers(by)
    if above is None:
        return rollout(by, seen)
    limit = float(check_real("hold_out_above", above, 0.0, low_open=True))
    table.up_to(limit, by)  # refuses a limit that leaves nothing
    return (Step(limit, float(seen.max())),)


def _compared(
    trials: list[_Trial],
    table: pd.DataFrame,
    steps: tuple[Step, ...],
    remarks: list[str],
    log_error: bool,
    by: str,
) -> LawComparison:
    """Judges the trials: held out first, then AICc."""
    seen = table[by].to_numpy(float)
    predicted_rows = table.loc[seen > steps[0].limit]
    runs = _run_numbers(predicted_rows)
    judged = _Judged(trials, runs)
    common = [
        i for i in range(len(steps)) if all(t.fits[i] is not None for t in trials if t.predicts)
    ]
    remarks = [*remarks, _held_out_remark(steps[0], len(predicted_rows), int(runs.max()) + 1, by)]
    remarks += [*_rising_remark(table), *_assumptions(trials)]
    if judged.best is None:
        remarks.append("no law predicts the held-out rows")
    return LawComparison(
        table=pd.DataFrame([_row(t, judged, common) for t in judged.order]),
        steps=_step_table(trials, steps, seen),
        best=judged.best,
        undecided=judged.undecided,
        remarks=tuple(remarks),
        hold_out_above=steps[0].limit,
        log_error=log_error,
        rows=table,
        fits={t.name: t.fits[0] for t in judged.order if t.fits[0] is not None},
        full_fits={t.name: t.full for t in judged.order if t.full is not None},
    )


class _Judged:
    """The order of the laws, and a verdict on each."""

    def __init__(self, trials: list[_Trial], runs: np.ndarray) -> None:
        predicting = sorted((t for t in trials if t.predicts), key=lambda t: t.rmse(0))
        self.p = {t.name: _paired(t, predicting[0], runs) for t in predicting}
        tied = [t for t in predicting if self.p[t.name] >= WORSE]
        self.ties = {t.name for t in predicting if t.same_as(predicting[0])}
        self.least = min((t.aicc for t in trials if math.isfinite(t.aicc)), default=math.nan)
        best = min(tied, key=lambda t: _or_inf(t.aicc), default=None)
        self.best = None if best is None else best.name
        self.best_aicc = math.nan if best is None else best.aicc
        close = [t for t in tied if t is not best and not self._apart(t)]
        self.undecided = tuple(t.name for t in close)
        far = [t for t in tied if t is not best and self._apart(t)]
        rest = [t for t in predicting if t not in tied]
        self.order = [*([best] if best else []), *close, *far, *rest]
        self.order += [t for t in trials if not t.predicts]

    def _apart(self, trial: _Trial) -> bool:
        """By AICc; a law without one is told from a law with one, not from another without."""
        if not math.isfinite(self.best_aicc):
            return False
        return _or_inf(trial.aicc) - self.best_aicc > APART

    def verdict(self, trial: _Trial) -> str:
        """What the comparison says of one law."""
        if not trial.predicts:
            return f"no prediction: {trial.reasons[0]}"
        above = trial.aicc - self.best_aicc
        said = f"ΔAICc {above:+.1f}" if math.isfinite(above) else "no AICc"
        if trial.full is None:
            said = f"not fitted to all rows: {trial.full_reason}"
        if trial.name == self.best:
            return "best, not alone" if self.undecided else "best"
        if trial.name in self.undecided:
            alike = {trial.name, self.best} <= self.ties
            return f"{'tied with' if alike else 'not told from'} the best ({said})"
        if self.p[trial.name] >= WORSE:
            return f"held out not told from the best, but {said}"
        return f"worse on held-out runs (p = {self.p[trial.name]:.2g})"


def _or_inf(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _paired(trial: _Trial, least: _Trial, runs: np.ndarray) -> float:
    """Two-sided p of the mean difference of squared errors under random signs, run by run."""
    if trial.same_as(least):
        return 1.0
    return sign_flip_p(np.bincount(runs, trial.held_out(0) ** 2 - least.held_out(0) ** 2))


def sign_flip_p(differences: Float[np.ndarray, " runs"]) -> float:
    """P(|Σ ± d| ≥ |Σ d|) over random signs: all 2^runs of them, or 20,000 seeded draws."""
    from scipy.stats import permutation_test  # takes a second to import

    count, size = differences.size, float(np.abs(differences).sum())
    if count < 2 or size == 0.0:
        return 1.0
    found = permutation_test(
        (differences / size,),  # a lone sample is paired with its negative
        lambda d, axis: np.abs(d.sum(axis=axis)).round(12),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=2**_ALL_SIGNS if count <= _ALL_SIGNS else _DRAWS - 1,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _run_numbers(rows: pd.DataFrame) -> np.ndarray:
    """A number a run; without the column, every row is one."""
    if "run" not in rows:
        return np.arange(len(rows))
    keys = [rows[name].astype(str) for name in ("group", "run") if name in rows]
    return pd.MultiIndex.from_arrays(keys).factorize()[0]


def _row(trial: _Trial, judged: _Judged, common: list[int]) -> dict[str, Any]:
    shown = next((fit for fit in (trial.full, *trial.fits) if fit is not None), None)
    return {
        "law": trial.name,
        "convention": getattr(shown, "convention", ""),
        "parameters": trial.free,
        "in_sample_rmse": trial.rmse(0, held_out=False),
        "held_out_rmse": trial.rmse(0),
        "p_value": judged.p.get(trial.name, math.nan),
        "rollout_rmse": trial.pooled(common),
        "aicc": trial.aicc,
        "delta_aicc": trial.aicc - judged.least,
        "verdict": judged.verdict(trial),
    }


def _step_table(
    trials: list[_Trial], steps: tuple[Step, ...], seen: Float[np.ndarray, " rows"]
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "law": trial.name,
                "limit": step.limit,
                "upper": step.upper,
                "rows": int(((seen > step.limit) & (seen <= step.upper)).sum()),
                "rmse": trial.rmse(i),
                "reason": trial.reasons[i],
            }
            for trial in trials
            for i, step in enumerate(steps)
        ]
    )


def _held_out_remark(step: Step, rows: int, runs: int, by: str) -> str:
    said = (
        f"held out: {rows} rows of {runs} runs with more than {step.limit:.4g} "
        f"{by.replace('_', ' ')}"
    )
    if runs < FEWEST_RUNS:
        said += (
            f"; {runs} runs cannot tell laws apart (at least {FEWEST_RUNS} are needed), so that "
            "AICc decides"
        )
    return said


def _rising_remark(table: pd.DataFrame) -> list[str]:
    """That errors rise again, where they do: by chance, or by overfitting."""
    if "samples_seen" not in table:
        return []
    rising = int(rising_rows(table).sum())
    if not rising:
        return []
    places, rows = unequal_runs(table)
    if places:
        return [
            f"{rising} of {len(table)} rows have a larger error than a shorter run of the same "
            f"model; {rows} runs at {places} equal inputs differ as much, so that other settings "
            "than the data may be the reason"
        ]
    return [
        f"{rising} of {len(table)} rows have a larger error than a shorter run of the same model "
        "on the same data: no law that falls with samples seen fits them, only overfit can"
    ]


def _assumptions(trials: list[_Trial]) -> list[str]:
    """What laws take for granted about this table."""
    fits: list[Fit | None] = [trial.full for trial in trials]
    said = [w.message for fit in fits if fit for w in fit.warnings if w.kind == "assumption"]
    return list(dict.fromkeys(said))
