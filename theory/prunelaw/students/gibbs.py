"""What a kept example tells: the Gibbs student (a random consistent perceptron) on pruned data.

The student J is drawn uniformly from the version space, the directions that give every kept
example the teacher's label. The probe is the teacher (θ = 0), so an example with teacher field t
is kept with probability w(|t|). With q the overlap of two such students, R the overlap of
student and teacher, and

    A = R/√(1−q),    B = √(q−R²)/√(1−q),    u = A t + B x,    x ~ N(0, 1),

two replica-symmetric order parameters make the entropy of the version space per dimension,

    s(q, R) = ½ log(1−q) + (q−R²)/(2(1−q)) + α_tot · 2 ∫_{t>0} Dt w(t) ∫ Dx log Φ(u)

stationary (the version space is convex: replica symmetry is exact). With r = φ/Φ the conditions
∂s/∂A = 0 and ∂s/∂B = 0 read, after Stein's lemma in x,

    A/(1+A²+B²) = α_tot · 2 ∫ Dt w t ∫ Dx r(u),     q = α_tot · 2 ∫ Dt w ∫ Dx r(u) (u + r(u)).

Unpruned data give q = R, because teacher and student are then two draws from one posterior.
A student that does not know the keep rule has another posterior: a kept example also says that
the *teacher's* field lies in the window, and the likelihood of a Bayesian who knows the rule
would hold the factor w(|J·x|). So q = R fails: q > R for keep-hard, q < R for keep-easy, with
q/R → f / ∫ Dt w |t| √(π/2) as α → 0. Keep-hard comes back to q = R, exponentially fast, once
√(1−R) is far below the window γ; keep-easy goes to q = R² instead.

The published information per kept example (arXiv 2206.14486, appendix on information gain) sets
q = R; `published_information` is that formula, `gibbs(..., equal_overlaps=True)` its student.
Replica method: Engel & Van den Broeck, "Statistical Mechanics of Learning", CUP 2001, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.keep import KeepRule, points
from prunelaw.numerics.arrays import taken
from prunelaw.numerics.gaussian import SQRT_2PI, Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.numerics.roots import one_root
from prunelaw.students.gibbs_averages import Averages, Resolution, Windows, averages, inverse_mills

PATH, COARSE, FINE = (8, 24), (16, 64), (24, 96)  # nodes a panel in u, nodes in t
CHUNK = 16  # points solved together: temporaries of some megabytes
LOWEST_LOAD = 0.01  # α_prune of the small-load expansion that starts every path
STAGES = (8, 64)  # steps in log α from there; the longer path is for what failed
ITERATIONS = 50
LARGEST_STEP = 0.7  # of Newton's method, in log A and log B
AGREEMENT = 1e-9  # of two quadratures on log A and log B, and of the equations with zero


@dataclass(frozen=True)
class GibbsSolution:
    """The Gibbs student and its proof. All arrays have the broadcast shape of the arguments.

    Attributes:
        error: ε = arccos(R)/π, test error probability.
        vote_error: arccos(R/√q)/π, of the majority vote of the version space (its centre of mass);
            the Bayes-optimal error where the data are unpruned.
        R: overlap of student and teacher.
        q: overlap of two students.
        entropy: s, log volume of the version space per dimension, nats; 0 without data.
        information: −ds/dα_prune at fixed rule and f, nats per kept example: minus the mean log of
            the factor by which one more kept example shrinks the version space.
        residual: largest residual of the logarithms of the two sides of the equations.
        change: largest difference of log A, log B between two quadratures.
        converged: both below 1e-9; elsewhere error, vote_error, R, q, entropy, information are NaN.
    """

    alpha_tot: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    rule: Shaped[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    vote_error: Float[np.ndarray, "*shape"]
    R: Float[np.ndarray, "*shape"]
    q: Float[np.ndarray, "*shape"]
    entropy: Float[np.ndarray, "*shape"]
    information: Float[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]
    change: Float[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]


class Load(NamedTuple):
    """The data of each point: α_tot, the kept windows of |t| and f = E[w]; shape (n,)."""

    alpha: Array
    kept: Windows
    f: Array

    take = taken


def gibbs(
    alpha_tot: Any,
    f: Any = None,
    rule: Any = "hard",
    *,
    equal_overlaps: bool = False,
    throw: bool = True,
) -> GibbsSolution:
    """Solve the Gibbs student on pruned data with a perfect probe, N → ∞. Arguments broadcast.

    Args:
        alpha_tot, f: as in `prunelaw.solve`; checked on [1e-3, 1e6] and [1e-3, 1].
        rule: as there, of those that keep one window of |z|.
        equal_overlaps: True: force q = R as published, and solve ∂s/∂R = 0 alone there; ∂s/∂q = 0
            then fails unless the data are unpruned.
        throw: as in `prunelaw.solve`.

    Raises:
        InputError: for arguments outside their range.

    >>> from prunelaw.students.gibbs import gibbs
    >>> student = gibbs(alpha_tot=10.0, f=0.2, rule="hard")
    >>> [round(float(number), 6) for number in (student.q, student.R, student.information)]
    [0.950981, 0.886484, 1.204775]
    """
    load = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    given = points(f, 0.0, rule, alpha_tot=load)
    shape = given["f"].shape
    alpha, fraction, _, rules = (column.ravel() for column in given.values())
    solver = _solve_equal if equal_overlaps else _solve_pair
    names = ("A", "B", "residual", "change", "entropy", "information")
    flat = {name: np.full(len(alpha), np.nan) for name in names}
    for index, load in _chunks(alpha, fraction, rules):
        with np.errstate(all="ignore"):  # what overflows far outside the domain is flagged below
            solved = solver(load)
        for name, value in solved.items():
            flat[name][index] = value
    names = np.array([one.name for one in rules], dtype=str)
    solution = _solution(alpha, fraction, names, flat, shape)
    if throw and not solution.converged.all():
        raise ConvergenceError(_failure_text(solution))
    return solution


def published_information(R: Any, f: Any = None, rule: Any = "hard") -> Float[np.ndarray, "..."]:
    """Information per kept example at q = R, nats: the published formula, at a given overlap R.

        −(2/f) ∫ Dt [H(a t) − H((γ + √R t)/√(1−R))] log H(a t),    a = √(R/(1−R)),

    for keep-hard with window γ, and likewise for the other rules. R in (0, 1), f in (0, 1]
    broadcast. Limits: log 2 as R → 0; for f → 0 it is −∫ Dt log H(√R t), which rises to 1 nat as R
    → 1. The limits do not commute: at fixed f it falls to (c/f) √(2(1−R)/π), c = ∫ φ²/Φ dx, as R →
    1, which is 1/α_prune. The 1 nat needs γ ≪ √(1−R) ≪ 1. No Gibbs student gets there: as f → 0 it
    has R → 0 below α_prune = 2, where its information grows about like f^(−4/5), and above it
    √(1−R) ∝ γ.

    Source:
        arXiv 2206.14486, appendix on information gain, without a factor α quoted there.
    """
    overlap = check_real("R", R, 0.0, 1.0, low_open=True, high_open=True)
    given = points(f, 0.0, rule, R=overlap)
    overlap, fraction, _, rules = (column.ravel() for column in given.values())
    value = np.empty(len(overlap))
    for index, load in _chunks(overlap, fraction, rules):
        A, B = _equal_fields(load.alpha)
        value[index] = -averages(A, B, load.kept, Resolution(*FINE)).log_cdf / load.f
    return value.reshape(given["f"].shape)


def learning_constant(student: str) -> float:
    """lim ε·α for unpruned data, of a "gibbs", "bayes" or "max_margin" student (≈ .62, .44, .50).

    With c = ∫ φ²/Φ dx: Gibbs 1/(c√π), Bayes 1/(c√(2π)). Max margin: 1/(√(2π)(xΦ(x) + φ(x)))
    at the root of x³Φ(x) + (x²−1)φ(x) = 0, the large-α limit of the two equations of
    `prunelaw.solve` with x = κ/(πε) and ∫G = ((x³+3x)Φ + (x²+2)φ)/3. About 14 digits.
    """
    check_choice("student", student, ("gibbs", "bayes", "max_margin"))
    if student == "max_margin":
        x = np.array(one_root(_margin_balance, 0.1, 2.0))
        return float(1 / (SQRT_2PI * (x * normal_cdf(x) + normal_pdf(x))))
    nodes, weights = gauss_legendre(200)
    x = 40.0 * nodes - 20.0
    c = 40.0 * float(weights @ (normal_pdf(x) * inverse_mills(x)[0]))
    return 1 / (c * np.sqrt(np.pi if student == "gibbs" else 2 * np.pi))


def _margin_balance(x: float) -> float:
    at = np.array(x)
    return float(at**3 * normal_cdf(at) + (at * at - 1) * normal_pdf(at))


# --- saddle point -----------------------------------------------------------------------------


def saddle_system(
    logs: Float[np.ndarray, "n 2"], load: Load, resolution: Resolution
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2 2"], Averages]:
    """Logarithms of right over left side of the two equations, and their Jacobian in log A, B."""
    A, B = np.exp(logs[:, 0]), np.exp(logs[:, 1])
    mean = averages(A, B, load.kept, resolution)
    square = A * A + B * B
    first = np.log(load.alpha * mean.t_r * (1 + square) / A)
    second = np.log(load.alpha * mean.k * (1 + square) / square)
    share, curve = 2 / (1 + square), 2 / (square * (1 + square))
    rows = (
        (share * A * A - 1 - A * mean.tt_k / mean.t_r, share * B * B - B * mean.tx_k / mean.t_r),
        (A * mean.t_slope / mean.k - curve * A * A, B * mean.x_slope / mean.k - curve * B * B),
    )
    jacobian = np.stack([np.stack(row, axis=1) for row in rows], axis=1)
    return np.stack([first, second], axis=1), jacobian, mean


def _solve_pair(load: Load) -> dict[str, Array]:
    """A, B and their proof for one chunk: path in log α, then Newton on two quadratures."""
    n = len(load.alpha)
    result = {name: np.full(n, np.nan) for name in ("A", "B", "residual", "change")}
    result |= {name: np.full(n, np.nan) for name in ("entropy", "information")}
    open_points = np.arange(n)
    for stages in STAGES:
        part = load.take(open_points)
        logs = _follow(part, stages)
        logs, _, _ = _newton(logs, part, Resolution(*COARSE))
        logs, change, _ = _newton(logs, part, Resolution(*FINE))
        A, B = np.exp(logs[:, 0]), np.exp(logs[:, 1])
        residual, _, mean = saddle_system(logs, part, Resolution(*FINE))
        values = {"A": A, "B": B, "change": change, "residual": np.abs(residual).max(axis=1)}
        for name, value in (values | _entropy(A, B, part, mean)).items():
            result[name][open_points] = value
        good = (result["change"] < AGREEMENT) & (result["residual"] < AGREEMENT)
        open_points = np.flatnonzero(~good)
        if not open_points.size:
            break
    return result


def _follow(load: Load, stages: int) -> Float[np.ndarray, "n 2"]:
    """log A, log B at the target, followed from the small-load expansion in `stages` steps."""
    start = np.minimum(LOWEST_LOAD / load.f, load.alpha)
    logs = np.log(np.stack(_small_load(load._replace(alpha=start)), axis=1))
    slope = np.zeros_like(logs)
    growth = np.log(load.alpha / start)[:, None] / stages
    for stage in range(stages + 1):
        here = load._replace(alpha=start * (load.alpha / start) ** (stage / stages))
        before = logs
        logs, _, jacobian = _newton(logs + slope, here, Resolution(*PATH))
        # α enters both residuals as + log α: the tangent predicts the next point of the path.
        tangent = -np.linalg.solve(jacobian, np.ones((len(logs), 2, 1)))[..., 0] * growth
        slope = np.clip(tangent, -2 * LARGEST_STEP, 2 * LARGEST_STEP)
        logs = np.where(np.isfinite(logs), logs, before)
    return logs


def _small_load(load: Load) -> tuple[Array, Array]:
    """(A, B) for α_prune ≪ 1, where u is small: A = α_tot E[w|t|] √(2/π), B² = 2 α_prune/π."""
    low, high = load.kept.low, load.kept.high
    inside = -np.expm1(-0.5 * (high - low) * (high + low))
    field = 2 * load.kept.weight * normal_pdf(low) * inside
    return load.alpha * field * np.sqrt(2 / np.pi), np.sqrt(2 * load.alpha * load.f / np.pi)


def _newton(logs: Float[np.ndarray, "n 2"], load: Load, resolution: Resolution):
    """Newton's method in (log A, log B): logs, the distance moved and the last Jacobian."""
    begun = logs
    smallest = np.full(len(logs), np.inf)
    jacobian = np.zeros((len(logs), 2, 2))
    for _ in range(ITERATIONS):
        residual, jacobian, _ = saddle_system(logs, load, resolution)
        step = np.linalg.solve(jacobian, -residual[..., None])[..., 0]
        length = np.abs(step).max(axis=1)
        logs = logs + step * np.minimum(1, LARGEST_STEP / np.maximum(length, 1e-300))[:, None]
        stalled = (length < 1e-9) & (length > 0.5 * smallest)
        smallest = np.minimum(length, smallest)
        if ((length < 1e-13) | stalled | ~np.isfinite(length)).all():
            break
    return logs, np.abs(logs - begun).max(axis=1), jacobian


def _entropy(A: Array, B: Array, load: Load, mean: Averages) -> dict[str, Array]:
    """Entropy s, and information per kept example: the explicit α-derivative of s (envelope)."""
    free = 0.5 * B * B - 0.5 * np.log1p(A * A + B * B)
    return {"entropy": free + load.alpha * mean.log_cdf, "information": -mean.log_cdf / load.f}


# --- q = R ------------------------------------------------------------------------------------


def _equal_fields(R: Array) -> tuple[Array, Array]:
    """(A, B) at q = R."""
    return R / np.sqrt(1 - R), np.sqrt(R)


def _solve_equal(load: Load) -> dict[str, Array]:
    """q = R put into ∂s/∂A = 0, which is ∂s/∂R = 0 at fixed q: a bracketed root in log A each."""
    rows = []
    for i in range(len(load.alpha)):
        one = load.take([i])
        coarse, fine = (_equal_root(one, Resolution(*res)) for res in (COARSE, FINE))
        A, B = _on_diagonal(fine)
        mean = averages(A, B, one.kept, Resolution(*FINE))
        balance = abs(_equal_balance(fine, one, Resolution(*FINE)))
        change = np.array([abs(coarse - fine)])
        row = {"A": A, "B": B, "residual": np.array([balance]), "change": change}
        rows.append(row | _entropy(A, B, one, mean))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _equal_root(load: Load, resolution: Resolution) -> float:
    """log A at the root of lowest overlap, which is the one that starts at α = 0."""
    start = load._replace(alpha=np.minimum(LOWEST_LOAD / load.f, load.alpha))
    low = high = float(np.log(_small_load(start)[0][0])) - 1.0
    while _equal_balance(high, load, resolution) > 0:
        low, high = high, high + 0.5
    if low == high or not np.isfinite(_equal_balance(high, load, resolution)):
        return np.nan
    return one_root(lambda log_A: _equal_balance(log_A, load, resolution), low, high)


def _on_diagonal(log_A: float) -> tuple[Array, Array]:
    """(A, B) on the line q = R: R² = A²(1 − R), B² = R."""
    A = np.exp(np.array([log_A]))
    return A, np.sqrt(2 / (1 + np.sqrt(1 + 4 / A**2)))


def _equal_balance(log_A: float, load: Load, resolution: Resolution) -> float:
    """log of the right over the left side of the first equation of the module's header."""
    A, B = _on_diagonal(log_A)
    gain = load.alpha * averages(A, B, load.kept, resolution).t_r
    return float(np.log(gain * (1 + A * A + B * B) / A)[0])


# --- input and output -------------------------------------------------------------------------


def _chunks(alpha: Array, f: Array, rules: np.ndarray):
    """(index, load) of points with one rule, few enough to be solved together.

    Random keeping is unpruned learning at α_prune: w = f enters as the weight of one window.
    """
    for rule in dict.fromkeys(rules):
        chosen = np.flatnonzero(np.equal(rules, rule))
        for first in range(0, len(chosen), CHUNK):
            index = chosen[first : first + CHUNK]
            yield index, Load(alpha[index], one_window(rule, f[index]), f[index])


def one_window(rule: KeepRule, f: Array) -> Windows:
    """The kept teacher fields of `rule` at fractions f, shape (n,), and θ = 0.

    Raises:
        InputError: for rules that are not one interval of |z| with one weight.
    """
    parts = rule.segments(f, np.zeros_like(f))
    positive = ((parts.low >= 0.0) & (parts.high > parts.low)).any(axis=0)
    if len(f) and (parts.profile is not None or positive.sum() != 1):
        raise InputError(f"rule must keep one window of |z| with one weight, got {rule}")
    column = int(np.argmax(positive))
    return Windows(*(part[:, column] for part in (parts.low, parts.high, parts.weight)))


def _solution(alpha, f, rules, flat: dict[str, Array], shape) -> GibbsSolution:
    A, B = flat["A"], flat["B"]
    square = A * A + B * B
    converged = (flat["residual"] < AGREEMENT) & (flat["change"] < AGREEMENT)
    values = {
        "error": np.arctan2(np.sqrt(1 + B * B), A) / np.pi,
        "vote_error": np.arctan2(B, A) / np.pi,
        "R": A / np.sqrt(1 + square),
        "q": square / (1 + square),
        "entropy": flat["entropy"],
        "information": flat["information"],
    }
    columns = {name: np.where(converged, value, np.nan) for name, value in values.items()}
    columns |= {"alpha_tot": alpha, "f": f, "rule": rules, "converged": converged}
    columns |= {name: flat[name] for name in ("residual", "change")}
    return GibbsSolution(**{name: value.reshape(shape) for name, value in columns.items()})


def _failure_text(solved: GibbsSolution) -> str:
    bad = np.flatnonzero(~solved.converged)
    names = ("alpha_tot", "f", "rule", "residual", "change")
    point = ", ".join(f"{name}={getattr(solved, name).flat[bad[0]]}" for name in names)
    return (
        f"{bad.size} of {solved.converged.size} points could not be solved, first {point}; "
        "throw=False returns the others"
    )
