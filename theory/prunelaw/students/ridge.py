"""Test error of a ridge classifier trained on pruned data: `solve_ridge` and its `RidgeSolution`.

A second solvable student behind the calling convention of `prunelaw.solve`, to ask whether a
finding about pruning belongs to the data or to the max-margin student. Inputs x ~ N(0, I_d),
n = α_tot d examples before pruning, labels y = sign(T·x), q_μ = 1 for the kept ones; the student is

    w = argmin (1/n) Σ_μ q_μ (y_μ − w·x_μ)² + λ |w|²

with n counting the examples BEFORE pruning. For d → ∞ at fixed φ = d/n = 1/α_tot its error is a
closed form (Dohmatob, Pezeshki, Askari-Hemmat, arXiv 2511.03492; Feng, Dohmatob, Yang, Charton,
Kempe, arXiv 2502.15588 for the setting). Labels may also come from a generator that differs from
the teacher on whom the student is tested.

How it follows. Split w into its part in the span of probe and label direction and the rest.
Integrating out the rest multiplies the weight of every example by 1/(1 + φm), m = m(−λ) the
Stieltjes transform of the kept data's covariance, m (p/(1 + φm) + λ) = 1 with p = E q. What
remains is ridge regression in two dimensions, diagonal in (probe, orthogonal) with curvatures
γ = E[q z²] and p, and linear terms β̃ = E[q y z] and β = E[q y u], sums over the layers of the rule:

    (1 + φm) w_plane = (β̃ m̃, β m),     m̃ = 1/(γ/(1 + φm) + λ)
    (1 + φm)² |w_rest|² = φ m′ E[q (y − w_plane·v)²]

Their sum is the papers' ν₀ = pφm′ + r′ − 2φm′r/(1 + φm), r = β²m + β̃²m̃, written without its
cancellation. (With √(1 − ρ²) β in place of β in r, a version met in print, the overlap R can
exceed 1, and simulation disagrees; tests/sim/students/test_ridge.py.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import erf, erfc, gammainc, gammaincc

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, Segments, points
from prunelaw.keep.points import rule_array
from prunelaw.numerics.gaussian import SQRT_2, Array, gauss_legendre, normal_pdf

SQRT_2_OVER_PI = float(np.sqrt(2.0 / np.pi))
# sin ψ is not divided by below this; x/sin ψ is then 0 or beyond every Gaussian tail.
SMALLEST_SINE = 1e-30
# erf(x/√2) is 1 to double precision from here on.
SATURATED = 9.0
# φ(x) is 0 in double precision from here on.
BEYOND_TAIL = 40.0
# Below this, the closed form of β̃ cancels; a Gauss-Legendre panel does not.
SMALL_FIELD = 0.5


@dataclass(frozen=True)
class RidgeSolution:
    """The ridge student in the limit d → ∞. All arrays have the broadcast shape.

    Attributes:
        error: ε = arccos(R)/π, probability of disagreeing with the teacher.
        R: w·T/|w|, overlap with the teacher.
        rho: w·J_probe/|w|, overlap with the probe.
        residual: |m (p/(1 + φm) + λ) − 1|, by which m misses its self-consistent equation.
        alpha_tot, f, theta, rule, ridge, generator_theta, generator_turn: the arguments; rule by
            name.
    """

    alpha_tot: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    theta: Float[np.ndarray, "*shape"]
    rule: Shaped[np.ndarray, "*shape"]
    ridge: Float[np.ndarray, "*shape"]
    generator_theta: Float[np.ndarray, "*shape"]
    generator_turn: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    R: Float[np.ndarray, "*shape"]
    rho: Float[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]

    @property
    def alpha_prune(self) -> Array:
        """f·α_tot, kept examples per dimension."""
        return self.f * self.alpha_tot


def solve_ridge(
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    ridge: Any = 1e-2,
    generator_theta: Any = 0.0,
    generator_turn: Any = np.pi / 2,
) -> RidgeSolution:
    """Error of the ridge classifier on pruned data, d → ∞. The arguments broadcast.

    A given λ weighs more the fewer examples are kept: random keeping equals unpruned learning at f
    α_tot with λ/f. With a generator far from the teacher the error may exceed 1/2. Relative
    accuracy 1e-10 or better for hard, easy and random; narrow bands lose a further (b/(b − a))².

    Args:
        alpha_tot, f, theta: as in `prunelaw.solve`, α_tot = n/d.
        rule: as there, of those that are made of layers of |z|.
        ridge: λ of the objective above, in (0, ∞); checked on [1e-12, 1e6].
        generator_theta: angle between the label generator and the teacher in radians, in [0, π/2].
        generator_turn: angle around the teacher from the probe's error to the generator's, in [0,
            π]: 0 the same error, π/2 unrelated errors, π opposite ones. No effect where theta or
            generator_theta is 0.

    Raises:
        InputError: for arguments outside their range, an f that contradicts the rule, and for rules
            of the signed margin and rules that are functions, which have no closed form here.

    Source:
        arXiv 2511.03492 (error, m, m̃, p, γ, β, β̃); `generator_*`: the derivation above, with the
        label direction in place of the teacher.

    >>> round(float(solve_ridge(alpha_tot=10 / 3, f=0.5, theta=0.451, rule="hard").error), 4)
    0.1628
    """
    for one in dict.fromkeys(rule_array(rule).flat):
        check_layers(one)
    given = points(
        f,
        theta,
        rule,
        alpha_tot=check_real("alpha_tot", alpha_tot, 0.0, low_open=True),
        ridge=check_real("ridge", ridge, 0.0, low_open=True),
        generator_theta=check_real("generator_theta", generator_theta, 0.0, np.pi / 2),
        generator_turn=check_real("generator_turn", generator_turn, 0.0, np.pi),
    )
    geometry = _geometry(given["theta"], given["generator_theta"], given["generator_turn"])
    moments = rule_moments(given["rule"], given["f"], given["theta"], geometry)
    student = _student(given["alpha_tot"], geometry, moments, given["ridge"])
    given["rule"] = np.array([one.name for one in given["rule"].flat]).reshape(given["f"].shape)
    norm = np.hypot(student.along, student.across)
    return RidgeSolution(
        **given,
        error=np.asarray(np.arctan2(student.across, student.along) / np.pi),
        R=np.asarray(student.along / norm),
        rho=np.asarray(student.probe / norm),
        residual=np.asarray(student.residual),
    )


class Geometry(NamedTuple):
    """Probe, label direction and teacher in the frame (probe, label's part ⊥ probe, third)."""

    label_cos: Array  # of the angle ψ between label direction and probe
    label_sin: Array
    teacher: tuple[Array, Array, Array]  # coordinates of T, up to the third one's sign


def _geometry(theta: Array, generator_theta: Array, turn: Array) -> Geometry:
    """From the angles at the teacher to the probe's frame, without cancellation at small angles."""
    cos, sin = np.cos(theta), np.sin(theta)
    offset = np.sin(generator_theta) * np.cos(turn)
    inward = np.cos(generator_theta) * sin - cos * offset
    sideways = np.sin(generator_theta) * np.sin(turn)
    delta = np.arctan2(sideways, inward)
    return Geometry(
        label_cos=cos * np.cos(generator_theta) + sin * offset,
        label_sin=np.hypot(inward, sideways),
        teacher=(cos, sin * np.cos(delta), sin * np.sin(delta)),
    )


class Window(NamedTuple):
    """Keep low < |z| < high with probability `weight`; arrays of one shape, low = high is empty."""

    low: Array
    high: Array
    weight: Array


class Moments(NamedTuple):
    """Averages over the kept examples; z along the probe, u along the label's part ⊥ to it."""

    p: Array  # E[q], the kept fraction
    gamma: Array  # E[q z²]
    beta: Array  # E[q y u] = 2 E[q φ(τz)], τ = cot ψ
    beta_tilde: Array  # E[q y z] = 2 E[q z Φ(τz)]


def rule_moments(rules: np.ndarray, f: Array, theta: Array, geometry: Geometry) -> Moments:
    """The moments of `KeepRule`s: linear in the weight, so sums over a rule's layers."""
    moments = Moments(*(np.zeros(f.shape) for _ in Moments._fields))
    for rule in dict.fromkeys(rules.flat):
        mine = np.equal(rules, rule).astype(bool)
        layers = layer_windows(rule.segments(f[mine], theta[mine]))
        cos, sin = geometry.label_cos[mine][:, None], geometry.label_sin[mine][:, None]
        for total, part in zip(moments, window_moments(cos, sin, layers), strict=True):
            total[mine] = part.sum(axis=-1)
    return moments


def check_layers(rule: KeepRule) -> None:
    """`InputError` if the rule is not made of layers of |z|."""
    if rule.uses_labels or rule.profile_of() is not None:
        kind = "acts on the signed margin" if rule.uses_labels else "is a function"
        raise InputError(
            f"rule {rule.name} {kind}; the ridge student takes rules of |z| made of layers: "
            'hard, easy, random, band:LOW,HIGH, mix:Q of these, and Piecewise of "abs" or "z"'
        )


def layer_windows(segments: Segments) -> Window:
    """The half z > 0 of a rule of |z|; layers at z < 0 become empty windows."""
    low, high = (np.clip(edge, 0.0, BEYOND_TAIL) for edge in (segments.low, segments.high))
    return Window(low, np.where(high < BEYOND_TAIL, high, np.inf), segments.weight)


def window_moments(label_cos: Array, label_sin: Array, kept: Window) -> Moments:
    """p, γ, β, β̃ of keeping low < |z| < high with probability `weight`, in closed form.

    With τ = cot ψ: φ(τz)φ(z) = φ(z/sin ψ)/√(2π), and integration by parts gives
    ∫ z erf(τz/√2) φ(z) dz = −φ(z) erf(τz/√2) + cos ψ Φ(z/sin ψ) √(2/π).
    """
    low, high, weight = kept
    sine = np.maximum(label_sin, SMALLEST_SINE)
    cosine = np.abs(label_cos)
    field = _between(
        lambda x: _aligned_below(x, cosine, sine), lambda x: _aligned_above(x, cosine, sine), kept
    )
    return Moments(
        p=weight * _mass(low, high),
        gamma=weight
        * _between(lambda x: gammainc(1.5, x * x / 2), lambda x: gammaincc(1.5, x * x / 2), kept),
        beta=weight * SQRT_2_OVER_PI * label_sin * _mass(low / sine, high / sine),
        beta_tilde=weight * np.sign(label_cos) * field,
    )


def _between(
    below: Callable[[Array], Array], above: Callable[[Array], Array], kept: Window
) -> Array:
    """∫_low^high of an even function over both signs, from whichever of its two tails is shorter.

    below(x) and above(x) are its integrals over |z| < x and |z| > x.
    """
    low, high, _ = kept
    inner, outer = below(low), above(low)
    return np.where(outer < inner, outer - above(high), below(high) - inner)


def _mass(low: Array, high: Array) -> Array:
    """P(low < |z| < high)."""
    kept = Window(low, high, np.ones_like(low))
    return _between(lambda x: erf(x / SQRT_2), lambda x: erfc(x / SQRT_2), kept)


def _aligned_above(x: Array, cos: Array, sin: Array) -> Array:
    """E[|z| erf(τ|z|/√2); |z| > x] for τ = cos/sin ≥ 0: a sum of two positive terms."""
    tail = SQRT_2_OVER_PI * cos * erfc(x / (sin * SQRT_2))
    return _density_times_erf(x, cos / sin) + tail


def _aligned_below(x: Array, cos: Array, sin: Array) -> Array:
    """E[|z| erf(τ|z|/√2); |z| < x]; at small x, where the closed form cancels, by quadrature."""
    whole = SQRT_2_OVER_PI * cos * erf(x / (sin * SQRT_2))
    closed = whole - _density_times_erf(x, cos / sin)
    return np.where(x < SMALL_FIELD, _aligned_core(np.minimum(x, SMALL_FIELD), cos / sin), closed)


def _aligned_core(x: Array, tau: Array) -> Array:
    """E[|z| erf(τ|z|/√2); |z| < x] for x ≤ 1/2: quadrature up to where erf is 1, then exactly."""
    edge = np.minimum(x, SATURATED / np.maximum(tau, SATURATED))
    nodes, weights = gauss_legendre(48)
    z = edge[..., None] * nodes
    panel = 2.0 * edge * (z * erf(tau[..., None] * z / SQRT_2) * normal_pdf(z) @ weights)
    return panel - 2.0 * normal_pdf(edge) * np.expm1(0.5 * (edge - x) * (edge + x))


def _density_times_erf(x: Array, tau: Array) -> Array:
    """2 φ(x) erf(τx/√2) for x ≥ 0; beyond 40 it is zero, and ∞ · 0 is avoided."""
    x = np.minimum(x, BEYOND_TAIL)
    return 2.0 * normal_pdf(x) * erf(tau * x / SQRT_2)


class Resolvent(NamedTuple):
    """Stieltjes transform m(z) of the kept covariance's spectrum at z = −λ, and its proof."""

    m: Array
    slope: Array  # dm/dz
    residual: Array


def resolvent(p: Array, phi: Array, ridge: Array) -> Resolvent:
    """m > 0 with m (p/(1 + φm) + λ) = 1, that is φλm² + Bm − 1 = 0 with B = p − φ + λ.

    The root without cancellation for either sign of B; m′ = m (1 + φm)/√(B² + 4φλ).
    """
    b = p - phi + ridge
    root = np.hypot(b, 2.0 * np.sqrt(phi * ridge))
    sum_ = root + np.abs(b)
    m = np.where(b > 0.0, 2.0 / sum_, sum_ / (2.0 * phi * ridge))
    residual = np.abs(m * (p / (1.0 + phi * m) + ridge) - 1.0)
    return Resolvent(m, m * (1.0 + phi * m) / root, residual)


class Student(NamedTuple):
    """(1 + φm) w by its parts, and the residual of m."""

    along: Array  # w·T
    across: Array  # length of what is orthogonal to T
    probe: Array  # w·J_probe
    residual: Array


def _student(alpha_tot: Array, geometry: Geometry, moments: Moments, ridge: Array) -> Student:
    """The equations in the header of this file."""
    phi = 1.0 / alpha_tot
    m, slope, residual = resolvent(moments.p, phi, ridge)
    m_tilde = 1.0 / (moments.gamma / (1.0 + phi * m) + ridge)
    a, b = moments.beta_tilde * m_tilde, moments.beta * m
    t1, t2, t3 = geometry.teacher
    in_plane = (a * t2 - b * t1) ** 2 + (a * a + b * b) * t3**2
    rest = phi * slope * _misfit(moments, a, b, ridge)
    return Student(a * t1 + b * t2, np.sqrt(in_plane + rest), a, residual)


def _misfit(moments: Moments, a: Array, b: Array, ridge: Array) -> Array:
    """E[q (y − w_plane·v)²]: what no linear function explains, and what the penalty leaves."""
    p, gamma, beta, beta_tilde = moments
    unexplained = np.maximum(p - beta_tilde**2 / gamma - beta**2 / p, 0.0)
    return unexplained + ridge**2 * (a * a / gamma + b * b / p)
