"""The formulas of the two theories derived by computer algebra, step by step.

Each function returns a `Derivation`: sentences with SymPy relations that documentation can print,
and a verdict that tests can check. A step is checked by SymPy when the function runs; a `given`
step is a definition, or a consequence that its sentence draws from the checked ones. Identities
between integrals are reduced to identities between integrands at fixed fields, for a generic keep
rule w; `tests/theory/derivations/test_derivations.py` adds the integrals at random parameters.

SymPy takes seconds to load: import this module by name, `prunelaw` does not.
Sources: Sorscher et al. 2022 (arXiv 2206.14486, appendix A) for the perceptron; Goyal et al. 2024
(arXiv 2404.07177) for utility decay.
"""

from __future__ import annotations

import sympy as sp

from prunelaw.derivations.decay import infinite_passes, mixing_rule, utility_law
from prunelaw.derivations.steps import (
    Derivation,
    Expression,
    Step,
    checked,
    derivation,
    given,
    same,
)


def all_derivations() -> tuple[Derivation, ...]:
    """Every derivation of this module, in reading order. Takes some seconds."""
    return (
        smoothed_hinge(),
        perfect_probe(),
        imperfect_probe(),
        utility_law(),
        mixing_rule(),
        infinite_passes(),
    )


def smoothed_hinge() -> Derivation:
    """G(m; σ) = E_g[(m − σ g)₊²] in closed form, with its first and second derivatives."""
    m, g, x = sp.symbols("m g x", real=True)
    sigma = sp.symbols("sigma", positive=True)
    cost = (m - sigma * g) ** 2 * _density(g)
    closed = (m**2 + sigma**2) * _cdf(m / sigma) + m * sigma * _density(m / sigma)
    mean = sp.integrate(sp.expand(cost), (g, -sp.oo, m / sigma))
    slopes = {
        "G_m": (closed.diff(m), 2 * (m * _cdf(m / sigma) + sigma * _density(m / sigma))),
        "G_σ": (closed.diff(sigma), 2 * sigma * _cdf(m / sigma)),
        "G_mm": (closed.diff(m, 2), 2 * _cdf(m / sigma)),
        "G_mσ": (closed.diff(m, sigma), 2 * _density(m / sigma)),
        "G_σσ": (closed.diff(sigma, 2), 2 * _cdf(m / sigma) - 2 * m / sigma * _density(m / sigma)),
    }
    steps = [
        Step(
            "The mean over g, taken where the hinge is open (g < m/σ), in closed form.",
            sp.Eq(sp.Integral(cost, (g, -sp.oo, m / sigma)), closed, evaluate=False),
            same(mean, closed),
        ),
        *(checked(f"Its derivative {name}.", *sides) for name, sides in slopes.items()),
        checked(
            "The heat equation G_σ = σ G_mm: a Gaussian of variance σ² smooths (m)₊².",
            closed.diff(sigma),
            sigma * closed.diff(m, 2),
        ),
        checked(
            "Φ and φ are those of `prunelaw.numerics.gaussian`: Φ′ = φ.",
            _cdf(x).diff(x),
            _density(x),
        ),
    ]
    return derivation(
        "The smoothed hinge", "E_g[(m − σ g)₊²] = (m² + σ²) Φ(m/σ) + m σ φ(m/σ)", steps
    )


def perfect_probe() -> Derivation:
    """θ = 0: Ψ = 0 and ∂Ψ/∂R = 0 are the two published equations in (κ, R).

    Ψ = 2 α_tot ∫_{t>0} Dt w(t) G(κ − R t; σ) − σ² with σ² = 1 − R², t the teacher's field.
    """
    g, t, s, kappa, R = sp.symbols("g t s kappa R", real=True)
    gamma, alpha, sigma = sp.symbols("gamma alpha_tot sigma", positive=True)
    w = sp.Function("w")
    spread = sp.sqrt(1 - R**2)
    student = R * t + sigma * g
    posterior = _normal(t, R * s, sigma)
    hard = _cdf((gamma - R * s) / sigma) - _cdf(-R * s / sigma)
    edge = sp.exp(-(R**2) * s**2 / (2 * sigma**2)) / (sp.sqrt(2 * sp.pi) * sigma)
    cut = 1 - sp.exp(-gamma * (gamma - 2 * R * s) / (2 * sigma**2))
    kept = sp.Integral(w(t) * posterior, (t, 0, sp.oo))
    flux = sp.Integral(-w(t) * posterior.diff(t), (t, 0, sp.oo))
    below = (s, -sp.oo, kappa)
    half_slope = ((kappa - R * t - spread * g) ** 2).diff(R) / 2
    steps = [
        checked(
            "Change g to the student's field s = R t + σ g at fixed t: (κ − s)² N(s; R t, σ²) ds.",
            (kappa - student) ** 2 * _density(g),
            ((kappa - s) ** 2 * _normal(s, R * t, sigma)).subs(s, student) * student.diff(g),
        ),
        checked(
            "Both fields have unit variance and covariance R: exchange their order (σ² = 1 − R²).",
            _density(t) * _normal(s, R * t, spread),
            _density(s) * _normal(t, R * s, spread),
        ),
        given(
            "So Ψ = 0 is the second published equation, for any keep rule w.",
            1 - R**2,
            2 * alpha * sp.Integral(_density(s) * (kappa - s) ** 2 * kept, below),
        ),
        checked(
            "Keep-hard, w = 1 for t < γ, turns the inner integral into H(−Rs/σ) − H((γ−Rs)/σ).",
            sp.integrate(posterior, (t, 0, gamma)),
            hard,
        ),
        checked(
            "The slope in R, at fixed t and g; (κ − s)₊² is smooth, its edge adds nothing.",
            half_slope,
            -((kappa - s) * (t - R * g / spread)).subs(s, R * t + spread * g),
        ),
        checked(
            "In terms of s that factor is (t − R s)/σ².",
            t - R * (s - R * t) / (1 - R**2),
            (t - R * s) / (1 - R**2),
        ),
        checked(
            "It is the logarithmic slope of the teacher's density at fixed s.",
            (t - R * s) / sigma**2 * posterior,
            -posterior.diff(t),
        ),
        given(
            "So ∂Ψ/∂R = 0 is the first published equation, for any keep rule w.",
            R,
            2 * alpha * sp.Integral(_density(s) * (kappa - s) * flux, below),
        ),
        checked(
            "Keep-hard leaves the two ends of the window.",
            posterior.subs(t, 0) - posterior.subs(t, gamma),
            edge * cut,
        ),
    ]
    return derivation(
        "The saddle point with a perfect probe",
        "Ψ = 0 and ∂Ψ/∂R = 0 are the published equations at θ = 0: "
        "1 − R² = 2 α_tot ∫_{−∞}^κ Ds (κ−s)² [H(−Rs/σ) − H((γ−Rs)/σ)] and "
        "R = 2 α_tot/(√(2π) σ) ∫_{−∞}^κ Ds (κ−s) e^{−R²s²/2σ²} [1 − e^{−γ(γ−2Rs)/2σ²}]",
        steps,
    )


def imperfect_probe() -> Derivation:
    """θ > 0: Ψ = 0 and the gradient of Ψ are the three published equations in (κ, R, ρ).

    Fields: s of the student (t in the paper), z of the probe, t of the teacher; c = cos θ.
    Ψ = 2 α_tot ∫_{t>0} w(z) E[(κ − s)₊²] − σ², and a kept average at fixed z is ⟨·⟩_z with
    α_prune: 2 α_tot ∫ dz φ(z) w(z) = 2 α_prune ⟨·⟩_z.
    """
    s, z, t, g, kappa = sp.symbols("s z t g kappa", real=True)
    A, B, R, rho, c = sp.symbols("A B R rho c", real=True)
    sine = 1 - c**2
    square = 1 - R**2 - rho**2 - c**2 + 2 * rho * R * c  # Λ²
    Gamma = z * (rho * R - c) - s * (R - rho * c)
    Delta = z**2 * (rho**2 + c**2 - 2 * rho * R * c) + 2 * s * z * (R * c - rho) + s**2 * sine
    a, b = (R - rho * c) / sine, (rho - R * c) / sine
    covariance = sp.Matrix([[1, rho, R], [rho, 1, c], [R, c, 1]])
    field = sp.Matrix([s, z, t])
    form = sp.cancel((field.T * covariance.inv() * field)[0])
    noise = 1 - a * R - b * rho  # σ²
    steps = [
        *_plane_steps(A, B, R, rho, c, square),
        checked(
            "Gaussian fields: at fixed (z, t) the student's has mean A t + B z, variance σ².",
            form,
            (s - a * t - b * z) ** 2 / noise + (z**2 - 2 * c * z * t + t**2) / sine,
        ),
        checked(
            "At fixed (s, z) the teacher's has mean −Γ/(1−ρ²) and variance Λ²/(1−ρ²), so it is "
            "positive with probability H(Γ/(√(1−ρ²) Λ)): Ψ = 0 is the second published equation.",
            form,
            (s**2 - 2 * rho * s * z + z**2) / (1 - rho**2)
            + (t + Gamma / (1 - rho**2)) ** 2 * (1 - rho**2) / square,
        ),
        *_gradient_steps(field, form, a, b, noise, (R, rho, c, kappa, g)),
        checked(
            "∂Ψ/∂A − c ∂Ψ/∂B leaves ∂p/∂t, hence p(s, z, 0) = φ(z) e^{−Δ/2Λ²}/(2πΛ): "
            "the first published equation, (R − ρc)/s² = α_prune/(πΛ) ⟨∫ds e^{−Δ/2Λ²} (κ−s)⟩.",
            form.subs(t, 0),
            z**2 + Delta / square,
        ),
        *_probe_slope_steps(s, z, R, rho, c, Gamma, Delta, square),
    ]
    return derivation(
        "The saddle point with an imperfect probe",
        "Ψ = 0, ∂Ψ/∂A = 0 and ∂Ψ/∂B = 0 are equivalent to the three published equations: two of "
        "these are combinations of the two slopes, independent of each other unless θ = 0",
        steps,
    )


def _plane_steps(A, B, R, rho, c, square) -> list[Step]:
    """Overlaps and components of J = A T + B P + σ e in the plane of teacher T and probe P."""
    components = sp.solve([A + B * c - R, B + A * c - rho], [A, B], dict=True)[0]
    length = A**2 + B**2 + 2 * A * B * c
    inside = length.subs(components)
    return [
        checked(
            "J = A T + B P + σ e has R = A + B c and ρ = B + A c; so A = (R − ρc)/(1−c²),",
            components[A],
            (R - rho * c) / (1 - c**2),
        ),
        checked("and B = (ρ − Rc)/(1−c²).", components[B], (rho - R * c) / (1 - c**2)),
        checked("σ² = 1 − |in-plane J|² = Λ²/(1−c²).", 1 - inside, square / (1 - c**2)),
        checked("The slopes of σ² are −2R along A,", -length.diff(A), -2 * (A + B * c)),
        checked("and −2ρ along B.", -length.diff(B), -2 * (B + A * c)),
    ]


def _gradient_steps(field, form, a, b, noise, symbols) -> list[Step]:
    """½∂Ψ/∂A and ½∂Ψ/∂B by Stein's lemma, as slopes of the joint density p ∝ exp(−form/2)."""
    s, z, t = field
    R, rho, c, kappa, g = symbols
    A, B, sigma = sp.symbols("A B sigma", real=True)
    spread = sp.Function("sigma")(A, B)
    cost = (kappa - A * t - B * z - spread * g) ** 2 / 2
    known = {spread.diff(A): -R / sigma, spread.diff(B): -rho / sigma}
    slope = {v: cost.diff(v).subs(known).subs(spread, sigma) for v in (A, B)}
    open_hinge = kappa - A * t - B * z - sigma * g
    pull = (s - a * t - b * z) / noise  # g/σ, which is −∂ log p/∂s
    log_p = -form / 2
    return [
        checked(
            "Half the slope of the cost along A, with ∂σ/∂A = −R/σ, at fixed z, t and g.",
            slope[A],
            -open_hinge * (t - R * g / sigma),
        ),
        checked(
            "The same along B, with ∂σ/∂B = −ρ/σ.", slope[B], -open_hinge * (z - rho * g / sigma)
        ),
        checked("g/σ is the logarithmic slope of p in s.", pull, -log_p.diff(s)),
        checked(
            "Stein: (t − R g/σ) p = −(c ∂p/∂z + ∂p/∂t); so ½∂Ψ/∂A = R − α_tot (c W + P).",
            t - R * pull,
            -(c * log_p.diff(z) + log_p.diff(t)),
        ),
        checked(
            "Likewise (z − ρ g/σ) p = −(∂p/∂z + c ∂p/∂t); so ½∂Ψ/∂B = ρ − α_tot (W + c P), where "
            "W, P = −2 ∫_{t>0} w(z) (κ−s)₊ ∂p/∂z, ∂p/∂t.",
            z - rho * pull,
            -(log_p.diff(z) + c * log_p.diff(t)),
        ),
    ]


def _probe_slope_steps(s, z, R, rho, c, Gamma, Delta, square) -> list[Step]:
    """∂Ψ/∂B − c ∂Ψ/∂A leaves ∂/∂z of ∫_{t>0} p = φ(z) g(s|z) H(Γ/(√(1−ρ²) Λ))."""
    rest = 1 - rho**2
    Lambda = sp.symbols("Lambda", positive=True)
    free = z**2 + (s - rho * z) ** 2 / rest  # −2 log of φ(z) g(s|z), up to a constant
    x = Gamma / (sp.sqrt(rest) * Lambda)
    weight = 1 / (2 * sp.pi * sp.sqrt(rest))  # of g(s|z) φ(x) without the exponential
    return [
        checked(
            "∂Ψ/∂B − c ∂Ψ/∂A leaves ∂/∂z of φ(z) g(s|z) H(x), x = Γ/(√(1−ρ²) Λ). The Gaussian's "
            "slope gives the first term of the third published equation.",
            free.diff(z) / 2,
            (z - rho * s) / rest,
        ),
        checked(
            "The slope of H gives the second: −H′ = φ times x′, with the prefactors",
            weight * x.diff(z),
            (rho * R - c) / (2 * sp.pi * Lambda * rest),
        ),
        checked(
            "and the exponent of g(s|z) φ(x).",
            (s - rho * z) ** 2 / rest + Gamma**2 / (rest * square),
            Delta / square,
        ),
    ]


# --- helpers ----------------------------------------------------------------------------------


def _density(x: Expression) -> Expression:
    return sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


def _cdf(x: Expression) -> Expression:
    return (1 + sp.erf(x / sp.sqrt(2))) / 2


def _normal(x: Expression, mean: Expression, spread: Expression) -> Expression:
    """Density of N(mean, spread²) at x."""
    return _density((x - mean) / spread) / spread
