"""The data of one trial: Gaussian inputs, a teacher's labels, and the examples a probe keeps.

Teacher T = e1, probe = cos(theta) e1 + sin(theta) e2, inputs x ~ N(0, I_N), label y = sign(T.x).
Only the two fields in the plane of teacher and probe, t = T.x and u, decide label and rank, so
they are drawn for all P examples and the other N - 2 coordinates for the kept examples only: the
distribution is exact.  What a student sees is y x = (|t|, y u, N(0, I_{N-2})): a Gaussian times an
independent sign is the same Gaussian, so the label need not be applied to the other coordinates.

Each trial has streams of its own: trial i depends on (seed, i) alone, whatever the batch it is
drawn in, and the rules draw the same pool (common random numbers).  NumPy draws them: a normal
number in double precision takes it a fifth of the time that JAX takes on a CPU.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw._checks import check_integer, check_real
from prunelaw.errors import InputError
from prunelaw.keep import (
    Easy,
    Hard,
    KeepRule,
    Random,
    SignedEasy,
    SignedHard,
    as_rule,
    checked_fraction,
)

RANKED = (Hard, Easy, Random, SignedHard, SignedEasy)  # keep exactly round(f P) examples
MIN_WIDTH = 256  # arrays are padded to powers of two from here on: few compilations serve all sizes


class Pool(NamedTuple):
    """What all trials at one point share: P = `drawn` examples, of which about `kept` are kept."""

    seed: int
    drawn: int
    kept: int
    f: float
    theta: float
    rule: KeepRule
    dim: int


def example_counts(alpha_tot: float | int, f: float | int, dim: int) -> tuple[int, int]:
    """(P, K): round(alpha_tot N) examples, of which round(f P) are kept; halves round up.

    Raises `InputError` if either is zero.
    """
    drawn = int(np.floor(alpha_tot * dim + 0.5))
    kept = int(np.floor(f * drawn + 0.5))
    if kept < 1:
        raise InputError(
            f"alpha_tot={alpha_tot:g}, f={f:g} at dim={dim} draw {drawn} and keep {kept} examples; "
            "at least one must be kept: increase dim, alpha_tot or f"
        )
    return drawn, kept


def padded(count: int) -> int:
    """The next power of two, at least 256: the width arrays are compiled for."""
    return max(MIN_WIDTH, 1 << (count - 1).bit_length())


def draw_kept(
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    dim: Any = 200,
    seed: Any = 0,
    trial: Any = 0,
) -> Float[np.ndarray, "K N"]:
    """The kept examples of one trial as rows y x, in the order in which the rule prefers them.

    `rule` is any keep rule of `prunelaw.keep`, as object or text; theta (radians) is the angle of
    probe and teacher, z = probe.x, m = y z.  `hard` keeps the round(f P) smallest |z|, `easy` the
    largest, `signed-hard` and `signed-easy` the same of m, `random` a uniform subset.  Every other
    rule keeps each example independently with probability w(z) or, if it uses labels, w(m): their
    number varies by O(sqrt(f P)), and `f` may be left out.  `simulate` trains on exactly these
    matrices.  Raises `InputError` for arguments out of range and if a trial keeps no example.

    Source: Sorscher et al., NeurIPS 2022, arXiv 2206.14486, section 2.
    """
    trial = check_integer("trial", trial, 0, 2**32 - 1)
    return _draw_one(make_pool(alpha_tot, f, theta, rule, dim, seed), trial)


def make_pool(alpha_tot: Any, f: Any, theta: Any, rule: Any, dim: Any, seed: Any) -> Pool:
    """The checked arguments of a simulation; `InputError` names what is out of range."""
    alpha_tot, f, theta, keep = check_point(alpha_tot, f, theta, rule)
    dim, seed = check_integer("dim", dim, 2), check_seed(seed)
    return Pool(seed, *example_counts(alpha_tot, f, dim), f, theta, keep, dim)


def check_point(
    alpha_tot: Any, f: Any, theta: Any, rule: Any
) -> tuple[float, float, float, KeepRule]:
    """One point of the theory's domain; `InputError` names what is out of range."""
    keep = as_rule(rule)
    angle = one_number("theta", theta, 0.0, np.pi / 2)
    load = one_number("alpha_tot", alpha_tot, 0.0, low_open=True)
    given = None if f is None else one_number("f", f, 0.0, 1.0, low_open=True)
    return load, float(checked_fraction(keep, given, np.array(angle))), angle, keep


def one_number(name: str, value: Any, *bounds: float, low_open: bool = False) -> float:
    """One number inside its range, as a float; `InputError` otherwise."""
    array = check_real(name, value, *bounds, low_open=low_open)
    if array.ndim:
        raise InputError(f"{name} must be one number for a simulation, got shape {array.shape}")
    return float(array)


def check_seed(seed: Any) -> int:
    """An integer below 2^53, which a table of float64 holds exactly; `InputError` otherwise."""
    return check_integer("seed", seed, 0, 2**53 - 1)


def draw_rows(
    pool: Pool, trials: Int[np.ndarray, " batch"]
) -> tuple[Float[np.ndarray, "batch N K_padded"], Int[np.ndarray, " batch"]]:
    """Transposed kept rows of several trials, zero beyond the kept ones, and how many those are."""
    drawn = [_draw_one(pool, int(trial)) for trial in trials]
    counts = np.array([len(rows) for rows in drawn])
    padded_rows = np.zeros((len(trials), pool.dim, max(most_kept(pool), padded(int(counts.max())))))
    for out, rows in zip(padded_rows, drawn, strict=True):
        out[:, : len(rows)] = rows.T
    return padded_rows, counts


def most_kept(pool: Pool) -> int:
    """The padded width for a trial's rows: of one size at a point, so that few are compiled."""
    if isinstance(pool.rule, RANKED):
        return padded(pool.kept)
    return padded(min(pool.drawn, int(pool.kept + 8 * np.sqrt(pool.kept) + 8)))


def _draw_one(pool: Pool, trial: int) -> Float[np.ndarray, "K N"]:
    """The kept rows y x of one trial."""
    fields = _stream(pool.seed, trial, "pool").standard_normal((pool.drawn, 2))
    t, u = fields.T
    chosen = _chosen(pool, trial, t, u)
    if not len(chosen):
        raise InputError(
            f"trial {trial} of rule {pool.rule.name} keeps none of {pool.drawn} examples: "
            "increase dim, alpha_tot or f"
        )
    rows = np.empty((len(chosen), pool.dim))
    rows[:, 0] = np.abs(t[chosen])
    rows[:, 1] = np.sign(t[chosen]) * u[chosen]
    others = _stream(pool.seed, trial, "others")
    rows[:, 2:] = others.standard_normal((len(chosen), pool.dim - 2))
    return rows


def _chosen(pool: Pool, trial: int, t: np.ndarray, u: np.ndarray) -> Int[np.ndarray, " K"]:
    """Indices of the kept examples, the rule's favourites first where it ranks them."""
    z = t * np.cos(pool.theta) + u * np.sin(pool.theta)
    m = np.sign(t) * z
    match pool.rule:
        case Hard():
            rank = np.abs(z)
        case Easy():
            rank = -np.abs(z)
        case SignedHard():
            rank = m
        case SignedEasy():
            rank = -m
        case Random():
            rank = _stream(pool.seed, trial, "subset").random(pool.drawn)
        case rule:
            weight = rule.weight(m if rule.uses_labels else z, pool.f, pool.theta)
            return np.flatnonzero(_stream(pool.seed, trial, "subset").random(pool.drawn) < weight)
    return np.argsort(rank, kind="stable")[: pool.kept]


def _stream(seed: int, trial: int, part: str) -> np.random.Generator:
    """An independent stream for each part of each trial: more examples extend what fewer gave."""
    key = (trial, ("pool", "subset", "others").index(part))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
