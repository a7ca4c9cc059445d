"""What `predict` is asked, checked: features, labels, a score, and the points of a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_choice, check_integer, check_number, check_real
from prunelaw.errors import InputError
from prunelaw.keep import Quantiles, as_rule
from prunelaw_sim.common.kept_examples import kept_examples, rounded_count
from prunelaw_sim.features.estimate import signs_of
from prunelaw_sim.features.linear_students import LOSSES, train_linear

SIGNED = {"signed-hard": "hard", "signed-easy": "easy"}
PLAIN = ("hard", "easy", "random", *SIGNED)
MOST_CLASSES = 30
FEWEST = 20  # examples of each class that statistics are taken from
Array = np.ndarray


class Point(NamedTuple):
    """One question: a rule keeps the fraction f of n examples."""

    n: int
    f: float
    rule: str

    @property
    def kept(self) -> int:
        """How many examples are trained on."""
        return max(1, rounded_count(self.f, self.n))


@dataclass(frozen=True)
class Data:
    """Labelled features, and what ranks them.

    Attributes:
        labels: +1 and −1; of more than two classes their numbers.
        names: what the user calls the classes.
        rows: examples that statistics and checks may use: those that did not train the probe.
        probe: weight vector and offset of the score's field, None for a score of other kinds.
        score: the field z = θ·x + offset; or any score, high = hard.
    """

    features: Float[Array, "n d"]
    labels: Float[Array, " n"]
    names: tuple[Any, ...]
    rows: Int[Array, " rows"]
    score: Float[Array, " n"]
    probe: tuple[Float[Array, " d"], float] | None

    @property
    def several(self) -> bool:
        """Whether there are more than two classes."""
        return len(self.names) > 2

    def kept(
        self, rows: Int[Array, " rows"], point: Point, per_class: bool, seed: int
    ) -> Int[Array, " kept"]:
        """Which of these examples the rule keeps: exactly f of them (of each class)."""
        parts = [rows]
        if per_class:
            parts = [rows[self.labels[rows] == name] for name in np.unique(self.labels)]
        chosen = []
        for part in parts:
            hardness, rule = self.score[part], SIGNED.get(point.rule, point.rule)
            if self.probe is not None:
                signed = point.rule in SIGNED
                hardness = -(self.labels[part] * hardness if signed else np.abs(hardness))
            chosen.append(part[kept_examples(hardness, point.f, rule, seed=seed)])
        return np.concatenate(chosen)


@dataclass(frozen=True)
class Student:
    """What is trained: loss, λ of Σ ℓ + (λ/2)|β|², an intercept or none."""

    loss: str = "logistic"
    penalty: float = 1.0
    intercept: bool = True

    def __post_init__(self) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_number("penalty", self.penalty, 0.0, low_open=True)


def checked_data(
    features: Any,
    labels: Any,
    probe: Any,
    offset: float,
    scores: Any,
    probe_examples: int | None,
    student: Student,
    seed: int,
    centred: bool = True,
) -> Data:
    """Everything of one length, finite, with both classes; a probe is trained where none is given.

    `centred`: a given probe reads the features less their mean.

    Raises:
        InputError: for what is not so.
    """
    features = features if isinstance(features, np.ndarray) else np.asarray(features)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiu":
        raise InputError(
            f"features must be n rows of d numbers, got shape {features.shape} of {features.dtype}"
        )
    labels = np.asarray(labels).reshape(-1)
    if len(labels) != len(features):
        raise InputError(
            f"labels must be {len(features)}, one for each row of features, got {len(labels)}"
        )
    names, place = np.unique(labels, return_inverse=True)
    several = len(names) > 2
    if several and len(names) > MOST_CLASSES:
        raise InputError(f"labels must be of at most {MOST_CLASSES} classes, got {len(names)}")
    y = place.reshape(-1).astype(np.float64) if several else signs_of(labels)
    known = tuple(names.tolist())
    rows = np.arange(len(labels))
    offsets = np.atleast_1d(np.asarray(offset, dtype=np.float64))
    if probe is not None and scores is not None:
        raise InputError("probe and scores say it twice; give one")
    if scores is not None:
        values = check_real("scores", scores)
        if values.shape != (len(labels),):
            raise InputError(f"scores must be {len(labels)}, one an example, got {values.shape}")
        return _enough(Data(features, y, known, rows, values, None))
    given = probe is not None
    if probe is None:
        usual = int(np.clip(len(labels) // 10, 2 * FEWEST, 1000))
        m = usual if probe_examples is None else check_integer("probe_examples", probe_examples, 4)
        order = np.random.default_rng([seed, 3]).permutation(len(labels))
        if m > len(labels) - 2 * FEWEST:
            raise InputError(
                f"probe_examples must be at most {len(labels) - 2 * FEWEST} of {len(labels)} "
                f"examples, got {m}"
            )
        mine, rows = order[:m], np.sort(order[m:])
        x = np.asarray(features[np.sort(mine)], dtype=np.float64)
        if len(np.unique(y[np.sort(mine)])) < len(names):
            raise InputError("probe_examples lack a class: take more, or give a probe")
        trained = [
            train_linear(x, one, loss="logistic", penalty=student.penalty, intercept=True)
            for one in against_the_rest(y[np.sort(mine)], several)
        ]
        probe = np.stack([one.weights for one in trained])
        offsets = np.array([one.intercept for one in trained])
    theta = check_real("probe", probe)
    if given and centred and theta.shape[-1] == features.shape[1]:
        offsets = offsets - np.atleast_1d(theta @ mean_of(features))
    if several:
        score = _hardness(features, theta, offsets, len(names))
        return _enough(Data(features, y, known, rows, score, None))
    theta, offset = theta.reshape(-1), float(offsets[0])
    if theta.shape != (features.shape[1],):
        raise InputError(
            f"probe must be a vector of {features.shape[1]} numbers, as features have columns, got "
            f"{theta.size}"
        )
    if not theta.any():
        raise InputError("probe must not be 0 everywhere: it has no direction")
    score = fields(features, theta, offset)
    return _enough(Data(features, y, known, rows, score, (theta, offset)))


def against_the_rest(labels: Float[Array, " n"], several: bool) -> list[Float[Array, " n"]]:
    """Labels ±1 of each student: of two classes one student, of more one a class."""
    if not several:
        return [labels]
    return [np.where(labels == name, 1.0, -1.0) for name in np.unique(labels)]


def _hardness(features: Array, theta: Array, offsets: Array, classes: int) -> Float[Array, " n"]:
    """Minus the margin between the two largest fields of a probe of one row a class."""
    if theta.shape != (classes, features.shape[1]):
        raise InputError(
            f"probe must be {classes} rows of {features.shape[1]} numbers, one a class, got shape "
            f"{theta.shape}"
        )
    all_fields = np.stack(
        [fields(features, *one) for one in zip(theta, np.resize(offsets, classes), strict=True)]
    )
    top = np.sort(all_fields, axis=0)
    return top[-2] - top[-1]


def mean_of(features: Array) -> Float[Array, " d"]:
    """The mean of all rows, in pieces."""
    step = max(1, 4_000_000 // features.shape[1])
    parts = [
        np.asarray(features[i : i + step], dtype=np.float64).sum(axis=0)
        for i in range(0, len(features), step)
    ]
    return np.sum(parts, axis=0) / len(features)


def fields(features: Array, theta: Array, offset: float) -> Float[Array, " n"]:
    """θ·x + offset of every row, in pieces."""
    step = max(1, 4_000_000 // features.shape[1])
    parts = [
        np.asarray(features[i : i + step], dtype=np.float64) @ theta
        for i in range(0, len(features), step)
    ]
    return np.concatenate(parts) + offset


def checked_points(
    data: Data, pools: Sequence[int] | int, keep: Any, rules: Any
) -> tuple[Point, ...]:
    """Every pool size, fraction and rule.

    Raises:
        InputError: for sizes below 4, fractions outside (0, 1], rules that are none of ranks.
    """
    sizes = [check_integer("pools", n, 4) for n in np.atleast_1d(pools).tolist()]
    fractions = [
        check_number("keep", f, 0.0, 1.0, low_open=True) for f in np.atleast_1d(keep).tolist()
    ]
    names = [rules] if isinstance(rules, str) else list(rules)
    for name in names:
        if name not in PLAIN and not isinstance(as_rule(name, "rules"), Quantiles):
            raise InputError(f"rules must be among {', '.join(PLAIN)}, quantiles:..., got {name!r}")
        if name in SIGNED and data.probe is None:
            raise InputError(f"rule {name} needs a probe: scores have no sign; take hard or easy")
    points = [Point(n, f, name) for n in sizes for f in fractions for name in names]
    for point in points:
        if point.f * point.n < 2.0:
            raise InputError(
                f"keep {point.f:g} of a pool of {point.n} leaves fewer than 2 examples"
            )
    return tuple(dict.fromkeys(points))


def _enough(data: Data) -> Data:
    for value, name in zip(np.unique(data.labels), data.names, strict=True):
        count = int((data.labels[data.rows] == value).sum())
        if count < FEWEST:
            raise InputError(
                f"class {name!r} has {count} examples beside those of the probe; at least {FEWEST} "
                "are needed"
            )
    return data
