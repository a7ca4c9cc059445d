"""Where the max-margin student's error goes for few and for many examples, in closed form.

Few examples, α_prune = f α_tot ≪ 1. Then κ ≈ 1/√α_prune is so large that every kept example lies
on the margin, G(m; σ) = m² + σ², and Ψ of `prunelaw.perceptron.saddle` is a quadratic form. With α
= α_tot, the conditional means μ = E[w y x]/f and M = E[w x xᵀ]/f in the plane of teacher and probe,
and A = 1 + α_prune (M − 1),

    κ² = (1 − α_prune) / (α_prune (1 − α_prune μᵀA⁻¹μ)),     J_plane = α_prune κ A⁻¹μ.

It is the minimum-norm interpolator of the labels (`prunelaw.students.ridge` with λ → 0). What it
neglects are examples beyond the margin, with probability about H(κ) ~ exp(−1/(2 α_prune)): no power
of α_prune.

Many examples, α_tot → ∞ at fixed f. Only examples within t ~ 1/α_tot of the teacher's boundary
t = 0 count. There z = u sin θ, so the rule shows through W(u) = w(u sin θ) alone, u ~ N(0, 1).
With ω = √(σ² + b²), b along the probe's error, all divided by α_tot, and Γ = E_u[W g((κ − b u)/σ)],
g(x) = E[(x − ξ)₊³]/3 over ξ ~ N(0, 1), the potential becomes √(2/π) σ³ Γ(κ/σ, b/σ) − σ², and

    Γ = q ∂Γ/∂q,     ∂Γ/∂β = 0     (q = κ/σ, β = b/σ),     ε α_tot → √(1 + β²) / (√(2π) Γ).

If W is even (every rule of |z|), β = 0 and Γ = E[W] g(q): q is universal, and so are

    q³ Φ(q) = (1 − q²) φ(q),     ε α_tot → C / E[W],     C = q² exp(q²/2) = 0.50048893.

Corrections are of relative order 1/α_tot². At θ = 0 the layer lies at the smallest kept |z|
instead, where φ(z) replaces φ(0): keep-easy reaches C exp(γ²/2).

Sources: Opper & Kinzel in "Models of Neural Networks III" (1996) for C; Sorscher et al. 2022
(arXiv 2206.14486) for the setting; the expansions are derived here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from scipy.special import erf, gammainc, ndtr

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import FAR, Segments, points
from prunelaw.numerics.arrays import broadcast
from prunelaw.numerics.gaussian import (
    SQRT_2,
    SQRT_2PI,
    Array,
    gauss_legendre,
    normal_cdf,
    normal_pdf,
)
from prunelaw.numerics.roots import one_root

NODES = 20  # Gauss-Legendre nodes on each unit of z, and of z/sin θ
TINY = 1e-300  # kept densities below this count as 0
SMALLEST_SHARE = 1e-40  # of the boundary, for a third order whose powers do not overflow
CHUNK = 128  # layers of a rule integrated together: temporaries of some megabytes


def _powers(x: Array, highest: int) -> list[Array]:
    """h_n = E[(x − ξ)₊ⁿ] for n = 0 … highest, ξ ~ N(0, 1)."""
    h = [normal_cdf(x), x * normal_cdf(x) + normal_pdf(x)]
    for n in range(2, highest + 1):
        h.append(x * h[n - 1] + (n - 1) * h[n - 2])
    return h


def _third_order(share: Array, spread: Array, bend: Array, lean: Array) -> Array:
    """C₃ of ε = C₁/α + C₃/α³ for W even, from its moments; arrays of one shape.

    share = E[W], spread = E[W u²], bend = cos²θ E[w″(us)], lean = cos θ E[u w′(us)]. With
    σ = w/α, κ = q w/α, b = b₁/α², h_n = h_n(q), one order beyond the header,

        √(π/2) (α²Ψ + w²) = share w³ h₃/3 + α⁻² {w⁵ [share (h₃/6 − h₅/60) + bend h₅/60]
                                                  − lean b₁ w³ h₃/3 + spread b₁² w h₁}

    where share (h₃/6 − h₅/60) comes from cos ω and φ(t). Stationarity in b₁ first, then
    first-order perturbation of Ψ = 0 and ∂Ψ/∂w = 0.
    """
    q, scale = MARGIN_RATIO, float(np.sqrt(2.0 / np.pi))
    w = np.pi * MAX_MARGIN / share
    h = [float(value) for value in _powers(np.array(q), 5)]
    b = lean * w * w * h[3] / (6.0 * spread * h[1])
    gain = lean**2 / (36.0 * spread)  # of h₃²/h₁, by leaning towards the probe's error
    term = share * h[3] / 6 + (bend - share) * h[5] / 60 - gain * h[3] ** 2 / h[1]
    slope = share * h[2] / 2 + (bend - share) * h[4] / 12
    slope = slope - gain * (6 * h[3] * h[2] / h[1] - h[3] ** 2 * h[0] / h[1] ** 2)
    f1, f1_w = scale * w**5 * term, scale * w**4 * (5 * term - q * slope)
    f0_k, f0_kw = scale * share * w**2 * h[2], 2 * scale * share * w * (h[2] - q * h[1])
    f0_ww = 2 * scale * share * w * (h[3] - 2 * q * h[2] + q * q * h[1]) - 2.0
    shift = -(f1_w - f0_kw * f1 / f0_k) / f0_ww
    return (shift + w**3 / 6 + 0.5 * b * b / w) / np.pi


MARGIN_RATIO = one_root(  # lim κ/sin(πε), the universal q
    lambda q: q**3 * ndtr(q) - (1 - q * q) * np.exp(-0.5 * q * q) / SQRT_2PI, 0.0, 1.0
)
MAX_MARGIN = MARGIN_RATIO**2 * float(np.exp(0.5 * MARGIN_RATIO**2))  # lim ε α, unpruned
MAX_MARGIN_THIRD = float(_third_order(*np.array([1.0, 1.0, 0.0, 0.0])))  # lim α³ (ε − C/α)


# --- few examples -----------------------------------------------------------------------------


class Interpolator(NamedTuple):
    """The student with every kept example on its margin; arrays of the broadcast shape."""

    error: Array  # ε = arccos(R)/π
    R: Array  # J·T
    rho: Array  # J·J_probe
    kappa: Array


class SmallLoad(NamedTuple):
    """Coefficients of ε = 1/2 − (first a^½ + third a^(3/2) + …)/π and κ = a^(−½) (1 + margin a + …)
    in a = α_prune; arrays of the broadcast shape."""

    first: Array
    third: Array
    margin: Array


def interpolator(
    alpha_tot: Any, f: Any = None, theta: Any = 0.0, rule: Any = "hard"
) -> Interpolator:
    """The student for small α_prune, without its exponentially small corrections.

    Arguments as in `prunelaw.solve`, with α_prune < 1. Differs from the max-margin student by about
    H(1/√α_prune): less than 1e-10 of the error for α_prune < .02.

    Raises:
        InputError: for arguments out of range or α_prune ≥ 1.
    """
    alpha = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    alpha, load, theta, moments = _kept(alpha, f, theta, rule)
    load = alpha * load
    if (load >= 1.0).any():
        raise InputError(f"alpha_prune must be below 1 for an interpolator, got {load.max():g}")
    mean_z, mean_v, zz, zv, vv = moments
    a_zz, a_zv, a_vv = 1.0 + load * (zz - 1.0), load * zv, 1.0 + load * (vv - 1.0)
    determinant = a_zz * a_vv - a_zv**2
    along = (a_vv * mean_z - a_zv * mean_v) / determinant
    across = (a_zz * mean_v - a_zv * mean_z) / determinant
    fit = mean_z * along + mean_v * across
    kappa = np.sqrt((1.0 - load) / (load * (1.0 - load * fit)))
    rho = load * kappa * along
    R = np.cos(theta) * rho + np.sin(theta) * load * kappa * across
    return Interpolator(np.arccos(R) / np.pi, R, rho, kappa)


def small_load(f: Any = None, theta: Any = 0.0, rule: Any = "hard") -> SmallLoad:
    """The expansion of `interpolator` in powers of α_prune. The arguments broadcast.

    `first` is the Hebbian student's E[|t|] over the kept examples, √(2/π) for random keeping.

    Raises:
        InputError: for arguments out of range.
    """
    _, _, theta, (mean_z, mean_v, zz, zv, vv) = _kept(np.array(1.0), f, theta, rule)
    c, s = np.cos(theta), np.sin(theta)
    first, length = c * mean_z + s * mean_v, mean_z**2 + mean_v**2
    pull = c * (zz * mean_z + zv * mean_v) + s * (zv * mean_z + vv * mean_v)
    overlap = first - pull + 0.5 * first * (length - 1.0)  # of α_prune^(3/2) in R
    return SmallLoad(first, overlap + first**3 / 6.0, 0.5 * (length - 1.0))


def _kept(alpha: Array, f: Any, theta: Any, rule: Any) -> tuple[Array, Array, Array, list[Array]]:
    """α, f and θ in the common shape, and the kept means of y z, y v, z², z v, v².

    v is the field orthogonal to the probe in the teacher's plane. With m = y z, τ = cot θ,

        E[w (1, m², m, v, m v, v²)] = 2 ∫ w φ(m) (Φ, m² Φ, m Φ, φ, m φ, Φ − τ m φ) dm,

    where φ and Φ without an argument stand for φ(τm) and Φ(τm).
    """
    given = points(f, theta, rule, alpha_tot=alpha)
    alpha, f, theta, _ = given.values()
    totals = np.zeros((6, alpha.size))
    for index, _, segments, angle in _groups(given):
        m, weight = _quadrature(segments, np.sin(angle))
        argument = m * (np.cos(angle) / np.maximum(np.sin(angle), 1e-30))[:, None]
        weight = 2.0 * weight * normal_pdf(m)
        low, cdf = weight * normal_pdf(argument), weight * normal_cdf(argument)
        parts = (cdf, m * cdf, low, m * m * cdf, m * low, cdf - argument * low)
        totals[:, index] = [part.sum(axis=1) for part in parts]
    moments = (totals[1:] / totals[0]).reshape(5, *alpha.shape)
    return alpha, f, theta, list(moments)


# --- many examples ----------------------------------------------------------------------------


def limit_constant(f: Any = None, theta: Any = 0.0, rule: Any = "hard") -> Array:
    """lim ε·α_tot for α_tot → ∞ at fixed f, θ and rule. The arguments broadcast.

    Arguments as in `prunelaw.solve`. Times f, it is lim ε·α_prune. The next order is
    `third_constant`/α_tot³; a power earlier, α_tot⁻², at θ = 0 if w has a slope or nothing is kept
    at z = 0, and for rules of the signed margin. The limits α_tot → ∞ and θ → 0 of keep-easy do not
    commute: C exp(γ²/2) at θ = 0, and C/P(|u| > γ/sin θ), which diverges as θ → 0.

    Infinite where ε falls slower than 1/α_tot: w vanishes at the boundary, or (rules of the signed
    margin) the kept part of the boundary lies on one side. So signed-easy with γ > 0 tends to ε =
    θ/π, and signed-hard with γ < 0 to 1/2.

    Raises:
        InputError: for arguments out of range.

    >>> round(float(limit_constant(f=0.5)), 6), round(float(limit_constant(1.0)), 6)
    (0.500489, 0.500489)
    """
    given = points(f, theta, rule)
    limit = np.zeros(given["f"].size)
    for index, rule, segments, angle in _groups(given):
        aligned = angle == 0.0
        limit[index[aligned]] = _at_edge(segments.take(aligned))
        u, weight = _boundary(segments.take(~aligned), np.sin(angle[~aligned]))
        limit[index[~aligned]] = (
            [_asymmetric(*row) for row in zip(u, weight, strict=True)]
            if rule.uses_labels
            else _constant(weight.sum(axis=1))  # W is even: C over the kept share of the boundary
        )
    return limit.reshape(given["f"].shape)


def third_constant(f: Any = None, theta: Any = 0.0, rule: Any = "hard") -> Array:
    """lim α_tot³ (ε − limit_constant/α_tot) at fixed f, θ and rule of |z|.

    Arguments as in `prunelaw.solve`; they broadcast. NaN where the next order is another power
    (α_tot⁻²: θ = 0 and w has a slope, or nothing is kept, at z = 0), the limit is infinite, or less
    than 1e-40 of the boundary is kept.

    Raises:
        InputError: for arguments out of range and rules of the signed margin.
    """
    given = points(f, theta, rule)
    share, spread = np.zeros((2, given["f"].size))
    for index, one, segments, angle in _groups(given):
        if one.uses_labels:
            raise InputError(f"rule must be one of |z|, got {one.name}, which uses the labels")
        aligned = angle == 0.0
        flat = MAX_MARGIN / _at_edge(segments.take(aligned))
        flat[(segments.edge[aligned] > 0.0) | (segments.profile is not None)] = 0.0
        share[index[aligned]] = spread[index[aligned]] = flat
        u, weight = _boundary(segments.take(~aligned), np.sin(angle[~aligned]))
        share[index[~aligned]] = weight.sum(axis=1)
        spread[index[~aligned]] = (u * u * weight).sum(axis=1)
    third = np.full(share.size, np.nan)
    some = share > SMALLEST_SHARE
    share, spread, theta = share[some], spread[some], given["theta"].ravel()[some]
    cot = np.divide(np.cos(theta), np.sin(theta), out=np.zeros_like(theta), where=theta > 0.0)
    lean = (spread - share) * cot  # by parts: E[u w′(us)] = s E[w″(us)] = E[w (u² − 1)]/s
    third[some] = _third_order(share, spread, lean * cot, lean)
    return third.reshape(given["f"].shape)


def f_min(theta: Any, excess: Any = 0.1) -> Array:
    """Minimum useful fraction of keep-hard at angle θ ∈ [0, π/2]: pruning below it gains nothing.

    At α_prune → ∞, ε α_prune → C f/P(|u| < γ/sin θ), u ~ N(0, 1): C f far above f = sin θ, and
    C sin θ far below. This infimum is reached by no f > 0, and no rule of |z| goes below it.
    f_min is the f whose limit is `excess` > 0 above it, relatively: .6155 θ for θ → 0 and
    excess = .1. It is 1 where not pruning at all is no worse than that.
    At finite α_prune the best fraction is `best_fraction`.
    """
    theta = check_real("theta", theta, 0.0, np.pi / 2)
    excess = check_real("excess", excess, 0.0, low_open=True)
    theta, excess = broadcast(theta=theta, excess=excess)
    return np.asarray(np.vectorize(_useful, otypes=[float])(np.sin(theta), excess))


def _useful(sine: float, excess: float) -> float:
    """The root of f = (1 + excess) sin θ P(|u| < γ/sin θ), which increases in γ/sin θ."""
    target = (1.0 + excess) * sine
    if target >= 1.0 or sine == 0.0:
        return float(sine > 0.0)

    def gap(x: float) -> float:
        return float(erf(x * sine / SQRT_2) - target * erf(x / SQRT_2))

    low = 1e-4 * np.sqrt(min(excess, 1.0))
    return float(erf(one_root(gap, low, FAR / sine) * sine / SQRT_2))


def best_fraction(alpha_prune: Any, theta: Any) -> Array:
    """The fraction at which keep-hard errs least at fixed α_prune. The arguments broadcast.

    Minimises C₁ f + C₃ f³/α_prune², `limit_constant` and `third_constant`: the first gains as f
    falls, until the second grows because the window comes near the margin. For α_prune → ∞

        f = √(2/π) sin θ (√13.5 πC/α_prune)^(1/3) = 1.4318 sin θ/α_prune^(1/3).

    Next order in 1/α_prune²: at α_prune = 8 up to 6 % from the true minimum, at 50 up to .3 %.

    Args:
        alpha_prune: kept examples per dimension, at least 8.
        theta: angle between probe and teacher in radians, in (0, π/2).

    Raises:
        InputError: for arguments out of range.
    """
    load = check_real("alpha_prune", alpha_prune, 8.0)
    theta = check_real("theta", theta, 0.0, np.pi / 2, low_open=True, high_open=True)
    load, theta = broadcast(alpha_prune=load, theta=theta)
    return np.asarray(np.vectorize(_best, otypes=[float])(load, theta))


def _best(load: float, theta: float) -> float:
    """The minimum in x = γ/sin θ, from .8 to twice its place for α_prune → ∞."""
    sine, cot = np.sin(theta), 1.0 / np.tan(theta)

    def law(log_x: float) -> float:
        x = np.exp(log_x)
        f, share = erf(x * sine / SQRT_2), erf(x / SQRT_2)
        spread = gammainc(1.5, 0.5 * x * x)
        lean = (spread - share) * cot
        third = _third_order(share, spread, lean * cot, lean)
        return float(f * MAX_MARGIN / share + third * f**3 / load**2) / sine

    middle = np.log(np.sqrt(13.5) * np.pi * MAX_MARGIN / load) / 3.0
    bounds = middle + np.log([0.8, 2.0])
    found = minimize_scalar(law, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return float(erf(np.exp(found.x) * sine / SQRT_2))


def _at_edge(segments: Segments) -> Array:
    """The limit at θ = 0, from w just above the smallest kept |z|."""
    low = np.where(segments.high > np.maximum(segments.low, 0.0), segments.low, np.inf)
    kept = (low < np.inf) & (segments.weight > 0.0)
    if segments.profile is not None:
        inside, step = _layer_nodes(segments, np.zeros(len(low)))
        kept &= (step * segments.profile(inside) > 0.0).any(axis=2)
    edge = np.where(kept, low, np.inf).min(axis=1)
    weight = segments.weight_at(np.nextafter(edge, np.inf)[:, None])[:, 0]
    return _constant(weight * np.exp(-0.5 * edge * edge))


def _boundary(segments: Segments, sine: Array) -> tuple[Array, Array]:
    """Nodes u and weights of E_u[W(u) ·], shape (n, k)."""
    m, weight = _quadrature(segments, sine)
    u = m / sine[:, None]
    return u, weight * normal_pdf(u) / sine[:, None]


def _constant(density: Array) -> Array:
    """C/density, infinite at density 0."""
    some = density > TINY
    return np.divide(MAX_MARGIN, density, out=np.full_like(density, np.inf), where=some)


def _asymmetric(u: Float[np.ndarray, " k"], weight: Float[np.ndarray, " k"]) -> float:
    """The limit for W not even: √(1 + β²)/(√(2π) Γ) at Γ = q ∂Γ/∂q, ∂Γ/∂β = 0.

    Γ is convex, so both roots are unique.
    """
    if not (weight[u > 0.0].any() and weight[u < 0.0].any()):
        return np.inf

    def slope(beta: float, q: float) -> float:
        return float((weight * u) @ _powers(q - beta * u, 2)[2])

    def tilt(q: float) -> float:
        reach = 1.0
        while slope(reach, q) > 0.0 or slope(-reach, q) < 0.0:
            reach *= 2.0
        return one_root(slope, -reach, reach, q)

    def gap(q: float) -> float:
        *_, square, cube = _powers(q - tilt(q) * u, 3)
        return float(weight @ (cube / 3.0 - q * square))

    high = 1.0
    while gap(high) > 0.0:
        high *= 2.0
    q = one_root(gap, 0.0, high)
    beta = tilt(q)
    return float(np.hypot(1.0, beta) / (SQRT_2PI * (weight @ _powers(q - beta * u, 3)[3]) / 3.0))


# --- shared -----------------------------------------------------------------------------------


def _groups(given: dict[str, np.ndarray]):
    """(flat index, rule, segments, θ) of `points` that share a rule, a few at a time."""
    f, theta, rules = (given[name].ravel() for name in ("f", "theta", "rule"))
    for rule in dict.fromkeys(rules):
        if not rule.resolved:
            raise InputError(f"rule {rule.name} changes too often or too fast for quadratures")
        chosen = np.flatnonzero(np.equal(rules, rule))
        layers = rule.segments(f[chosen[:1]], theta[chosen[:1]]).low.shape[1]
        together = max(1, CHUNK // layers)
        for start in range(0, len(chosen), together):
            index = chosen[start : start + together]
            yield index, rule, rule.segments(f[index], theta[index]), theta[index]


def _quadrature(segments: Segments, sine: Array) -> tuple[Array, Array]:
    """Nodes m and weights dm·w(m), shape (n, k), for integrands that vary on 1 and on sin θ."""
    m, step = _layer_nodes(segments, sine)
    weight = step * segments.weight[:, :, None]
    if segments.profile is not None:
        weight = weight * segments.profile(m)
    shape = (len(sine), m.shape[1] * m.shape[2])
    return m.reshape(shape), weight.reshape(shape)


def _layer_nodes(segments: Segments, sine: Array) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights in each layer, shape (n, layers, nodes)."""
    units = np.arange(-FAR, FAR + 1.0)
    cuts = np.sort(np.concatenate([units * np.ones((len(sine), 1)), sine[:, None] * units], axis=1))
    low, high = segments.low[:, :, None], segments.high[:, :, None]
    cuts = np.clip(cuts[:, None, :], np.clip(low, -FAR, FAR), np.clip(high, -FAR, FAR))
    nodes, weights = gauss_legendre(NODES)
    width = np.diff(cuts)[..., None]
    m, step = cuts[..., :-1, None] + width * nodes, width * weights
    shape = (*segments.low.shape, width.size // max(segments.low.size, 1) * NODES)
    return m.reshape(shape), step.reshape(shape)
