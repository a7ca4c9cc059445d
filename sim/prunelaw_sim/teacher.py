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

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw._checks import check_choice, check_integer, check_real
from prunelaw.errors import InputError

RULES = ("hard", "easy", "random")
MIN_WIDTH = 512  # arrays are padded to powers of two from here on: few compilations serve all sizes


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
    """The next power of two, at least 512: the width arrays are compiled for."""
    return max(MIN_WIDTH, 1 << (count - 1).bit_length())


def draw_kept(
    alpha_tot: Any,
    f: Any,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    dim: Any = 200,
    seed: Any = 0,
    trial: Any = 0,
) -> Float[np.ndarray, "K N"]:
    """The kept examples of one trial as rows y x, hardest first for `hard`, easiest for `easy`.

    `hard` keeps the round(f P) smallest |z|, `easy` the largest, `random` a uniform subset, where
    z = probe.x and theta (radians) is the angle of probe and teacher.  `simulate` trains on exactly
    these matrices.  Raises `InputError` for arguments out of range.

    Source: Sorscher et al., NeurIPS 2022, arXiv 2206.14486, section 2.
    """
    alpha_tot, f, theta = check_point(alpha_tot, f, theta, rule)
    dim, seed = check_integer("dim", dim, 2), check_seed(seed)
    trial = check_integer("trial", trial, 0, 2**32 - 1)
    counts = example_counts(alpha_tot, f, dim)
    return _draw_one(seed, trial, counts, theta, rule, dim)


def check_point(alpha_tot: Any, f: Any, theta: Any, rule: Any) -> tuple[float, float, float]:
    """One point of the theory's domain as floats; `InputError` names what is out of range."""
    values = (
        check_real("alpha_tot", alpha_tot, 0.0, low_open=True),
        check_real("f", f, 0.0, 1.0, low_open=True),
        check_real("theta", theta, 0.0, np.pi / 2),
    )
    check_choice("rule", rule, RULES)
    for name, value in zip(("alpha_tot", "f", "theta"), values, strict=True):
        if value.ndim:
            raise InputError(f"{name} must be one number for a simulation, got shape {value.shape}")
    alpha_tot, f, theta = (float(value) for value in values)
    return alpha_tot, f, theta


def check_seed(seed: Any) -> int:
    """An integer below 2^53, which a table of float64 holds exactly; `InputError` otherwise."""
    return check_integer("seed", seed, 0, 2**53 - 1)


def draw_rows(
    seed: int,
    trials: Int[np.ndarray, " batch"],
    counts: tuple[int, int],
    theta: float,
    rule: str,
    dim: int,
) -> Float[np.ndarray, "batch N K_padded"]:
    """Transposed kept rows of several trials, zero beyond the K kept ones."""
    rows = np.zeros((len(trials), dim, padded(counts[1])))
    for out, trial in zip(rows, trials, strict=True):
        out[:, : counts[1]] = _draw_one(seed, int(trial), counts, theta, rule, dim).T
    return rows


def _draw_one(
    seed: int, trial: int, counts: tuple[int, int], theta: float, rule: str, dim: int
) -> Float[np.ndarray, "K N"]:
    """The kept rows y x of one trial."""
    drawn, kept = counts
    t, u = _stream(seed, trial, "pool").standard_normal((drawn, 2)).T
    z = np.abs(t * np.cos(theta) + u * np.sin(theta))
    if rule == "random":
        rank = _stream(seed, trial, "subset").random(drawn)
    else:
        rank = z if rule == "hard" else -z
    chosen = np.argsort(rank, kind="stable")[:kept]
    rows = np.empty((kept, dim))
    rows[:, 0] = np.abs(t[chosen])
    rows[:, 1] = np.sign(t[chosen]) * u[chosen]
    rows[:, 2:] = _stream(seed, trial, "others").standard_normal((kept, dim - 2))
    return rows


def _stream(seed: int, trial: int, part: str) -> np.random.Generator:
    """An independent stream for each part of each trial: more examples extend what fewer gave."""
    key = (trial, ("pool", "subset", "others").index(part))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
