"""What the theory knows of a data set: clusters with weights, means, covariances and label laws."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.features.labels import SIGN, LabelLaw, as_label_law
from prunelaw.numerics.gaussian import Array

MEMORY = 8e9  # bytes that one point may take
COMMUTE = 1e-12  # off-diagonal share below which covariances count as commuting


@dataclass(frozen=True, eq=False)
class FeatureModel:
    """A Gaussian mixture with labels: x ~ N(μ_c, Σ_c) with probability p_c.

    Args:
        weights: p_c, K of them, at least 0, sum 1.
        means: μ_c, K × d.
        covariances: Σ_c, K × d × d, symmetric, positive semi-definite; or K × d, the diagonals.
        labels: K signs, +1 or −1, where the cluster fixes the label; None with a teacher.
        teacher: vector T of d; labels then follow `label_law` of its field t = T·x.
        label_law: "sign", a `LabelLaw` (`Steps`, `Smooth`) or a function P(y = +1 | t).
        flips: probability that a label is flipped before anyone sees it, in [0, 1/2]; one number,
            or two, for labels +1 and −1.

    Raises:
        InputError: for shapes that do not fit, weights that do not sum to 1, covariances that are
            not symmetric or not positive semi-definite, one label only, d too large for memory.
    """

    weights: Float[np.ndarray, " K"]
    means: Float[np.ndarray, "K d"]
    covariances: Float[np.ndarray, "K d d"] | Float[np.ndarray, "K d"]
    labels: Float[np.ndarray, " K"] | None = None
    teacher: Float[np.ndarray, " d"] | None = field(default=None, kw_only=True)
    label_law: LabelLaw = field(default=SIGN, kw_only=True)
    flips: Float[np.ndarray, " 2"] = field(default=0.0, kw_only=True)  # pyright: ignore

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("weights", check_real("weights", self.weights, 0.0, 1.0))
        put("means", check_real("means", self.means))
        put("covariances", check_real("covariances", self.covariances))
        put("flips", check_real("flips", self.flips, 0.0, 0.5) * np.ones(2))
        put("label_law", as_label_law(self.label_law))
        if self.weights.ndim != 1 or abs(self.weights.sum() - 1.0) > 1e-9:
            raise InputError(f"weights must be K numbers that sum to 1, got {self.weights.sum():g}")
        K = len(self.weights)
        if self.means.ndim != 2 or len(self.means) != K or not self.means.shape[1]:
            raise InputError(f"means must have shape ({K}, d), got {self.means.shape}")
        _check_covariances(self.covariances, K, self.dim)
        if (self.labels is None) == (self.teacher is None):
            raise InputError("give either labels, one sign a cluster, or a teacher")
        if self.labels is not None:
            put("labels", check_real("labels", self.labels))
            if self.labels.shape != (K,) or not np.isin(self.labels, (-1.0, 1.0)).all():
                raise InputError(f"labels must be {K} signs, +1 or -1, got {self.labels}")
            if len(set(self.labels[self.weights > 0.0])) < 2:
                raise InputError("labels must have both signs: one class alone teaches nothing")
        else:
            put("teacher", checked_vector("teacher", self.teacher, self.dim))

    @classmethod
    def gaussian(cls, teacher: Any, covariance: Any = None, **label_law: Any) -> FeatureModel:
        """One Gaussian N(0, Σ) with a teacher; Σ = I if not given, d × d or its diagonal."""
        teacher = check_real("teacher", teacher)
        covariance = np.ones_like(teacher) if covariance is None else covariance
        means = np.zeros((1, teacher.size))
        return cls([1.0], means, np.asarray(covariance)[None], teacher=teacher, **label_law)  # pyright: ignore

    @classmethod
    def two_clusters(cls, mean: Any, covariance: Any = None, **label_law: Any) -> FeatureModel:
        """Clusters N(±μ, Σ) with labels ±1, half each; Σ = I if not given."""
        mean = check_real("mean", mean)
        covariance = np.asarray(np.ones_like(mean) if covariance is None else covariance)
        both = np.stack([covariance, covariance])
        return cls([0.5, 0.5], np.stack([mean, -mean]), both, [1.0, -1.0], **label_law)  # pyright: ignore

    @property
    def dim(self) -> int:
        """d."""
        return self.means.shape[1]

    @property
    def clusters(self) -> int:
        """K."""
        return len(self.weights)

    @cached_property
    def basis(self) -> Float[np.ndarray, "d d"] | None:
        """The common eigenvectors of the covariances as columns; None where they do not commute.

        The unit matrix's stand-in for diagonal covariances is an empty array.
        """
        if self.covariances.ndim == 2:
            return np.zeros((0, 0))
        mixed = np.tensordot(1.0 + np.sin(1.0 + np.arange(self.clusters)), self.covariances, 1)
        vectors = np.linalg.eigh(mixed)[1]
        turned = vectors.T @ self.covariances @ vectors
        size = np.abs(turned).max(axis=(1, 2))
        turned[:, np.arange(self.dim), np.arange(self.dim)] = 0.0
        return vectors if (np.abs(turned).max(axis=(1, 2)) <= COMMUTE * size).all() else None

    def rotated(self, array: Array) -> Array:
        """Vectors (..., d) in the basis in which covariances are diagonal, if there is one."""
        return array if self.basis is None or not self.basis.size else array @ self.basis

    @cached_property
    def spectra(self) -> Array:
        """Covariances in that basis: (K, d) diagonals, or (K, d, d)."""
        if self.basis is None or not self.basis.size:
            return self.covariances
        return np.einsum("ia,kij,ja->ka", self.basis, self.covariances, self.basis, optimize=True)

    def label_odds(self) -> Float[np.ndarray, "K 2"]:
        """P(y = +1), P(y = −1) by cluster where it fixes the label; ones with a teacher."""
        if self.labels is None:
            return np.ones((self.clusters, 2))
        plus = np.where(self.labels > 0, 1.0 - self.flips[0], self.flips[1])
        return np.stack([plus, 1.0 - plus], axis=1)

    def seen_up(self, up: Array) -> Array:
        """P(y = +1) after flips from P(y = +1) before."""
        return (1.0 - self.flips[0]) * up + self.flips[1] * (1.0 - up)


def checked_vector(name: str, vector: Any, dim: int) -> Float[np.ndarray, " d"]:
    """A vector of d numbers, not all 0."""
    vector = check_real(name, vector)
    if vector.shape != (dim,):
        raise InputError(f"{name} must be a vector of {dim} numbers, got shape {vector.shape}")
    if not vector.any():
        raise InputError(f"{name} must not be 0 everywhere: it has no direction")
    return vector


def _check_covariances(covs: Array, K: int, d: int) -> None:
    if covs.shape not in ((K, d), (K, d, d)):
        raise InputError(
            f"covariances must have shape ({K}, {d}, {d}) or ({K}, {d}), got {covs.shape}"
        )
    if covs.ndim == 2:
        if (covs < 0.0).any():
            raise InputError(f"covariances must be positive semi-definite, got {covs.min():g}")
        return
    needed = 8.0 * 4 * K * d * d
    if needed > MEMORY:
        raise InputError(
            f"d must be at most {int(np.sqrt(MEMORY / 32 / K))} for {K} clusters, got {d}: "
            f"{needed / 1e9:.0f} GB would be needed"
        )
    for c, cov in enumerate(covs):
        size = np.abs(cov).max()
        if np.abs(cov - cov.T).max() > 1e-10 * size:
            raise InputError(f"covariances must be symmetric, number {c} is not")
        lowest = np.linalg.eigvalsh(cov)[0]
        if lowest < -1e-10 * size * d:
            raise InputError(
                f"covariances must be positive semi-definite, number {c} has eigenvalue {lowest:g}"
            )
