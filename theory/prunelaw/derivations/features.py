"""The equations of `prunelaw.features` as the gradient of one potential, checked by SymPy.

With M(h; V) = min_v ℓ(v) + (v − h)²/(2V) the Moreau envelope of the loss, A = (λI + Σ V̂_cΣ_c)⁻¹ and
r = Σ_c (m̂_c μ_c + ô_c Σ_c θ), the free energy of the mixture with the keep weight w is

    Ψ = n Σ_c p_c E_c[w M(h; V_c)] + Σ_c (q̂_c V_c/2 − V̂_c q_c/2 + m̂_c m_c + ô_c o_c)
        − rᵀA r/2 − tr(A Σ_c q̂_c Σ_c)/2
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from prunelaw.derivations.steps import Derivation, checked, derivation, given


def mixture_matrix_side() -> Derivation:
    """∂Ψ in the hats gives V, q, m and o: two clusters in two dimensions, hats and one Σ free."""
    hats = sp.symbols("V1 V2 q1 q2 m1 m2 o1 o2", positive=True)
    (V1, V2, q1, q2, m1, m2, o1, o2), lam = hats, sp.symbols("lambda", positive=True)
    a, c = sp.symbols("a c", positive=True)
    covs = (sp.Matrix([[a, c], [c, 2]]), sp.diag(1, 3))
    mus, theta = (sp.Matrix([2, -1]), sp.Matrix([1, 3])), sp.Matrix([3, 1])
    A = (lam * sp.eye(2) + V1 * covs[0] + V2 * covs[1]).inv()
    Q = q1 * covs[0] + q2 * covs[1]
    r = m1 * mus[0] + m2 * mus[1] + (o1 * covs[0] + o2 * covs[1]) * theta
    part = -(r.T * A * r)[0] / 2 - (A * Q).trace() / 2
    beta, S = A * r, covs[0]
    steps = [
        checked("From q̂: V = tr(ΣA).", -2 * part.diff(q1), (S * A).trace()),
        checked(
            "From V̂: q = β̄ᵀΣβ̄ + tr(ΣA Q̂ A).",
            2 * part.diff(V1),
            (beta.T * S * beta)[0] + (S * A * Q * A).trace(),
        ),
        checked("From m̂: m = μ·β̄.", -part.diff(m1), (mus[0].T * beta)[0]),
        checked("From ô: o = θᵀΣβ̄.", -part.diff(o1), (theta.T * S * beta)[0]),
    ]
    return derivation(
        "The matrix side", "Stationary in the hats: V, q, m and o of a Gaussian student", steps
    )


def mixture_channel() -> Derivation:
    """∂Ψ in V, q, m and o gives the hats, from the envelope and the Gaussian density of h."""
    h, V, t, m, q, o, C = sp.symbols("h V t m q o C", positive=True)
    loss, v = sp.Function("l"), sp.Function("v")(h, V)
    envelope = loss(v) + (v - h) ** 2 / (2 * V)
    force = (v - h) / V
    stationary: Any = {loss(v).diff(v): -force}

    def reduced(expression: sp.Expr) -> sp.Expr:
        return sp.expand(expression.doit().subs(stationary))

    x = sp.Dummy("x")
    slope = sp.Subs(loss(x).diff(x), x, v)
    by_h, by_V = (envelope.diff(s).doit().subs(slope, -force) for s in (h, V))
    sigma2 = q - o**2 / C
    density = sp.exp(-((h - m - o * t / C) ** 2) / (2 * sigma2)) / sp.sqrt(2 * sp.pi * sigma2)
    steps = [
        given("The proximal step is where the envelope is least.", slope, -force),
        checked("M_h = −f: stationary in m, m̂ = n p E[w f].", reduced(by_h), reduced(-force)),
        checked(
            "M_V = −f²/2: stationary in V, q̂ = n p E[w f²].",
            reduced(by_V),
            reduced(-(force**2) / 2),
        ),
        checked(
            "The density of h at a signal t has p_q = p_hh/2: stationary in q, V̂ = −n p E[w f_h].",
            density.diff(q),
            density.diff(h, 2) / 2,
        ),
        checked(
            "p_o = −(t/C) p_h − (o/C) p_hh: stationary in o, ô = n p E[w f t]/C + o V̂/C.",
            density.diff(o),
            -t / C * density.diff(h) - o / C * density.diff(h, 2),
        ),
    ]
    return derivation(
        "The channel", "Stationary in V, q, m and o: the hats, for any loss and keep weight", steps
    )
