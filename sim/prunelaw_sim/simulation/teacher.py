"""The data of one trial: Gaussian inputs, a teacher's labels, and the examples a probe keeps.

Teacher T = e1, probe = cos(theta) e1 + sin(theta) e2, inputs x ~ N(0, I_N), label y = sign(T.x).
Only the two fields in the plane of teacher and probe, t = T.x and u, decide label and rank, so
they are drawn for all P examples and the other N - 2 coordinates for the kept examples only: the
distribution is exact.  What a student sees is y x = (|t|, y u, N(0, I_{N-2})): a Gaussian times an
independent sign is the same Gaussian, so the label need not be applied to the other coordinates.

Each trial has streams of its own: trial i depends on (seed, i) alone, whatever the batch it is
drawn in, and the rules draw the same pool (common random numbers).  NumPy draws them: a normal
number in double precision takes it a fifth of the time that JAX takes on a CPU.

Other inputs, and probes trained on the pool itself, need all N coordinates of all P examples: see
`whole_pools`.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw.keep import Easy, Hard, Random, SignedEasy, SignedHard
from prunelaw_sim.common.kept_examples import preference
from prunelaw_sim.simulation.point import Point, make_point
from prunelaw_sim.students.hard_margin import padded

RANKED = (Hard, Easy, Random, SignedHard, SignedEasy)  # keep exactly round(f P) examples
# Each part of a trial has a stream of its own; the order is part of the numbers.
PARTS = ("pool", "subset", "others", "labels", "inputs", "teacher", "direction", "probe")


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

    Source:
        Sorscher et al., NeurIPS 2022, arXiv 2206.14486, section 2.
    """
    trial = check_integer("trial", trial, 0, 2**32 - 1)
    pool = make_point(alpha_tot, f, theta, rule, dim, seed)
    return draw_in_plane(pool, trial, pool.theta)


def most_kept(pool: Point) -> int:
    """The padded width for a trial's rows: of one size at a point, so that few are compiled."""
    if isinstance(pool.rule, RANKED):
        return padded(pool.kept)
    return padded(min(pool.drawn, int(pool.kept + 8 * np.sqrt(pool.kept) + 8)))


def draw_in_plane(pool: Point, trial: int, theta: float) -> Float[np.ndarray, "K N"]:
    """The kept rows y x of one trial with Gaussian inputs and a probe at angle theta.

    Raises:
        InputError: if none is kept.
    """
    fields = stream(pool.seed, trial, "pool").standard_normal((pool.drawn, 2))
    t, u = fields.T
    labels = noisy(pool, trial, np.sign(t))
    kept = chosen(pool, trial, t * np.cos(theta) + u * np.sin(theta), labels, theta)
    rows = np.empty((len(kept), pool.dim))
    rows[:, :2] = labels[kept, None] * fields[kept]
    rows[:, 2:] = stream(pool.seed, trial, "others").standard_normal((len(kept), pool.dim - 2))
    return rows


def noisy(pool: Point, trial: int, labels: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    """The labels of the data set: each of the teacher's flipped with probability `label_noise`."""
    if pool.label_noise == 0.0:
        return labels
    flip = stream(pool.seed, trial, "labels").random(len(labels)) < pool.label_noise
    return np.where(flip, -labels, labels)


def chosen(
    pool: Point,
    trial: int,
    z: Float[np.ndarray, " P"],
    labels: Float[np.ndarray, " P"],
    theta: float,
) -> Int[np.ndarray, " K"]:
    """Indices of the kept examples, the rule's favourites first where it ranks them.

    z is the probe's field, theta its angle to the teacher.  Raises `InputError` if none is kept.
    """
    kept = _preferred(pool, trial, z, labels * z, theta)
    if not len(kept):
        raise InputError(
            f"trial {trial} of rule {pool.rule.name} keeps none of {pool.drawn} examples: "
            "increase dim, alpha_tot or f"
        )
    return kept


def _preferred(
    pool: Point, trial: int, z: np.ndarray, m: np.ndarray, theta: float
) -> Int[np.ndarray, " K"]:
    rule = pool.rule
    if isinstance(rule, RANKED):
        order = None
        if isinstance(rule, Random):
            order = np.argsort(stream(pool.seed, trial, "subset").random(pool.drawn), kind="stable")
        hardness = -m if rule.uses_labels else -np.abs(z)
        return preference(rule.name.removeprefix("signed-"), hardness, order)[: pool.kept]
    angle = min(theta, np.pi / 2)  # a trained probe may be worse than none
    f = pool.f if rule.fraction(np.array(angle)) is None else None
    weight = rule.weight(m if rule.uses_labels else z, f, angle)
    return np.flatnonzero(stream(pool.seed, trial, "subset").random(pool.drawn) < weight)


def stream(seed: int, trial: int, part: str) -> np.random.Generator:
    """An independent stream for each part of each trial: more examples extend what fewer gave."""
    key = (trial, PARTS.index(part))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
