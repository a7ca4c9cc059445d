"""The embedded real sweeps: small students trained here on scikit-learn's 1797 handwritten digits.

Two experiments, one for each theory.  Both cost seconds to a minute and need no download; the
images come with scikit-learn (UCI optical recognition of handwritten digits, 8×8 pixels).
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.sparse.linalg import eigsh

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import preference, rounded_count
from prunelaw_sim.networks.recipes import Recipe
from prunelaw_sim.networks.training import train_models
from prunelaw_sim.students.large_margin import Progress, train_large_margin
from prunelaw_sim.tables.sweep import Sweep

TEST_IMAGES = 400
PROBE_IMAGES = 400  # the probe's own; no student trains or is tested on them
DIMENSION = 128  # whitened features of the pruning students
MODEL = "mlp:64"
NOISE = 0.5  # of the "noisy" pool, in units of the brightest pixel


class Grid(NamedTuple):
    """What a sweep varies: sizes of pools, seeds, and fractions kept or numbers of epochs."""

    sizes: tuple[int, ...]
    seeds: int
    values: tuple[float, ...]


FULL_PRUNING = Grid((40, 64, 100, 160, 256, 400, 640, 960), 6, (0.25, 0.4, 0.6, 0.8))
QUICK_PRUNING = Grid((40, 80, 150, 256), 3, (0.25, 0.6))  # two compiled shapes
FULL_REPETITION = Grid((40, 80, 160, 320, 640, 1280), 8, (1, 2, 4, 8, 16, 32, 64))
QUICK_REPETITION = Grid((40, 160, 640), 4, (1, 2, 4, 8, 16, 32))


def digits_pruning_sweep(
    *, seeds: Sequence[int] | None = None, quick: bool = False, progress: Progress | None = None
) -> Sweep:
    """Test error against data-set size P, fraction kept f and keep rule: even or odd digit?

    Made to meet the pruning theory's assumptions as closely as real data do: two classes of like
    size and no bias, inputs of mean zero and unit covariance (`even_odd_features`), a linear
    student trained to convergence at hard margin, and a probe of the same kind trained on 400
    images that nobody else sees.  A rule ranks the P images by |z|, z the probe's field: "hard"
    keeps the f P smallest, "easy" the largest, "random" the first; at f = 1 all agree and only
    "random" is there.  Every seed draws its own probe set, test set (400) and pool, the smaller P
    inside the larger.  Same seeds, same numbers.

    Returns:
        All columns but samples_seen and epochs (students train to convergence).  unique_samples is
        the number kept.  theta = π · (the probe's error on all images outside its set), the angle
        of a perceptron probe with that error: an estimate that owes nothing to a fit.  error_se is
        the sampling error of the 400 test images alone.

    Raises:
        InputError: for seeds that are not distinct integers of at least 0.
    """
    grid = QUICK_PRUNING if quick else FULL_PRUNING
    splits = {seed: split_images(seed) for seed in _checked_seeds(seeds, grid)}
    inputs, labels = even_odd_features()
    probes = train_large_margin(inputs, labels, [split.probe for split in splits.values()])
    cells = [(1.0, "random"), *product(grid.values, ("hard", "easy", "random"))]
    rows, subsets = [], []
    for (seed, split), weights in zip(splits.items(), probes.weights, strict=True):
        unseen = np.concatenate([split.tests, split.pool])
        theta = np.pi * wrong_side(weights, unseen).mean()
        hardness = -np.abs(inputs @ weights)
        for size, (keep, rule) in product(grid.sizes, cells):
            pool = split.pool[:size]
            ranked = preference(rule, hardness[pool])
            subsets.append(pool[ranked[: rounded_count(keep, size)]])
            rows.append((size, keep, rule, seed, theta, len(subsets[-1])))
    fits = train_large_margin(inputs, labels, subsets, progress=progress)
    columns = ["dataset_size", "keep_fraction", "rule", "seed", "theta", "unique_samples"]
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    frame["error"] = [
        float(wrong_side(weights, splits[seed].tests).mean())
        for weights, seed in zip(fits.weights, frame["seed"], strict=True)
    ]
    frame["run"] = [f"P{size}-f{keep:g}-{rule}-seed{seed}" for size, keep, rule, seed, *_ in rows]
    frame["group"], frame["pool"] = f"digits even-odd, linear, N = {DIMENSION}", "digits"
    thetas = frame.groupby("seed")["theta"].first()
    spread = f"theta = {thetas.mean():.3f} ± {thetas.std(ddof=0) / np.sqrt(len(thetas)):.3f} rad"
    notes = [
        f"probe error {thetas.mean() / np.pi:.4f} on images outside its set: {spread}",
        f"{fits.separated.sum()} of {len(frame)} training sets are separated; "
        f"largest relative duality gap {fits.relative_gap.max():.1g}",
    ]
    return _as_sweep(frame, notes)


def digits_repetition_sweep(
    *, seeds: Sequence[int] | None = None, quick: bool = False, progress: Progress | None = None
) -> Sweep:
    """Test error against unique samples and epochs: ten digits, one hidden layer of 64, SGD.

    Two pools of different quality: "clean" images, and the same images "noisy" (Gaussian noise of
    half the brightest pixel's value, drawn once an image and seed); tests are clean.  (Label noise
    would not do: its error rises again with repetition, which no law of utility decay allows.)  The
    learning rate is constant, so that one long run holds the final points of all shorter ones; they
    share their history, and errors of one seed are correlated.  Same seeds, same numbers.

    Returns:
        All columns but dataset_size, keep_fraction, rule and theta (nothing is pruned).
        samples_seen = epochs · unique_samples; error_se is the sampling error of the 400 test
        images alone.

    Raises:
        InputError: for seeds that are not distinct integers of at least 0.
    """
    grid = QUICK_REPETITION if quick else FULL_REPETITION
    seeds = _checked_seeds(seeds, grid)
    jobs = list(product(seeds, grid.sizes))
    rows = []
    for done, (seed, size) in enumerate(jobs):
        for pool, curve in _learning_curves(seed, size, grid).items():
            rows += [
                (f"{pool}-U{size}-epochs{k}-seed{seed}", pool, size, k, seed, curve[k - 1])
                for k in map(int, grid.values)
            ]
        if progress:
            progress(done + 1, len(jobs))
    columns = ["run", "pool", "unique_samples", "epochs", "seed", "error"]
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    frame["samples_seen"] = frame["epochs"] * frame["unique_samples"]
    frame["group"] = "digits, MLP 64-64-10, SGD"
    notes = [f"noisy pool: Gaussian pixel noise of {NOISE:g}; constant learning rate, clean tests"]
    return _as_sweep(frame, notes)


@cache
def even_odd_features() -> tuple[Float[np.ndarray, "images N"], Int[np.ndarray, " images"]]:
    """Whitened quadratic features of the digits, and labels: +1 odd, −1 even.

    The first 128 principal components of the 64 pixels and their 2080 products, scaled to unit
    variance: the theory's isotropic inputs.  Linear in the pixels alone, even against odd cannot
    be separated; in these features it can, with an error that falls from .3 to .03 in P.  All
    images enter the principal components; labels do not.
    """
    pixels, digits = _digits()
    first, second = np.triu_indices(pixels.shape[1])
    features = np.hstack([pixels, pixels[:, first] * pixels[:, second]])
    features -= features.mean(axis=0)
    # Lanczos from a fixed start: the whole decomposition would take seconds.
    start = np.random.default_rng(0).normal(size=len(features))
    _, left = eigsh(features @ features.T, k=DIMENSION, v0=start)
    return left * np.sqrt(len(left)), 2 * (digits % 2) - 1


def _digits() -> tuple[Float[np.ndarray, "images 64"], Int[np.ndarray, " images"]]:
    """Pixels in [0, 1] and the digit of each image."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    return np.asarray(pixels) / 16.0, np.asarray(digits)


class Split(NamedTuple):
    """Image numbers of one seed's probe set, test set and pool; disjoint."""

    probe: Int[np.ndarray, " probe"]
    tests: Int[np.ndarray, " tests"]
    pool: Int[np.ndarray, " pool"]


def split_images(seed: int) -> Split:
    """The first 400 images of a random order, the next 400, and the rest."""
    order = np.random.default_rng(seed).permutation(len(_digits()[1]))
    return Split(*np.split(order, [PROBE_IMAGES, PROBE_IMAGES + TEST_IMAGES]))


def wrong_side(
    weights: Float[np.ndarray, " N"], images: Int[np.ndarray, " some"]
) -> Bool[np.ndarray, " some"]:
    """Which of these images a linear student of `even_odd_features` gets wrong."""
    inputs, labels = even_odd_features()
    return (inputs[images] @ weights) * labels[images] <= 0


def _learning_curves(seed: int, size: int, grid: Grid) -> dict[str, Float[np.ndarray, " epochs"]]:
    """Test error after each epoch, for both pools, which hold the same images.

    The draws depend on the seed alone: smaller pools lie inside larger ones.
    """
    pixels, digits = _digits()
    rng = np.random.default_rng(seed)
    tests, largest, _ = np.split(
        rng.permutation(len(digits)), [TEST_IMAGES, TEST_IMAGES + max(grid.sizes)]
    )
    noisy = pixels.copy()
    noisy[largest] += NOISE * rng.normal(size=(len(largest), pixels.shape[1]))
    clean = largest[:size]
    trained = train_models(
        MODEL,
        np.concatenate([pixels, noisy]),
        np.concatenate([digits, digits]),
        classes=10,
        subsets=np.stack([clean, clean + len(digits)]),
        seeds=[seed, seed],
        recipe=Recipe(epochs=int(max(grid.values)), batch_size=10, learning_rate=0.1),
        trace=tests,
    )
    assert trained.correct is not None  # since a trace was asked for
    return dict(zip(("clean", "noisy"), 1.0 - trained.correct.mean(axis=2), strict=True))


def _as_sweep(frame: pd.DataFrame, notes: Sequence[str]) -> Sweep:
    """Adds error_se: binomial, with one success and one failure added so that it is never 0."""
    wrong = frame["error"] * TEST_IMAGES
    smoothed = (wrong + 1) / (TEST_IMAGES + 2)
    frame = frame.assign(error_se=np.sqrt(smoothed * (1 - smoothed) / TEST_IMAGES))
    frame["metric"] = "test error"
    return Sweep.from_frame(frame, source="digits", notes=notes)


def _checked_seeds(seeds: Sequence[int] | None, grid: Grid) -> list[int]:
    if seeds is None:
        return list(range(grid.seeds))
    checked = [check_integer(f"seeds[{i}]", seed, 0) for i, seed in enumerate(seeds)]
    if not checked or len(set(checked)) < len(checked):
        raise InputError(f"seeds must be one or more distinct integers, got {list(seeds)!r}")
    return checked
