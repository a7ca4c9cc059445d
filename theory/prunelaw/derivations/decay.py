"""Utility decay derived by computer algebra: the law, the mixing rule, infinitely many passes.

Read through `prunelaw.derivations`. Source: Goyal et al. 2024 (arXiv 2404.07177); the expansion of
the polylogarithm is that of Erdélyi et al., Higher Transcendental Functions, vol. 1, 1.11 (8).
"""

from __future__ import annotations

import sympy as sp

from prunelaw.derivations.steps import Derivation, Expression, Step, checked, derivation, given


def utility_law() -> Derivation:
    """y_k = a n_1^{b_1} ∏_{j=2..k} (n_j/n_{j−1})^{b_j} from dy/dn = b y/n, b_j = b δ^{j−1}."""
    n, a, tau, start, before = sp.symbols("n a tau n_1 y_before", positive=True)
    b = sp.symbols("b", real=True)
    j, k = sp.symbols("j k", integer=True, positive=True)
    y: Expression = sp.Function("y")
    seen: Expression = sp.IndexedBase("n", positive=True)
    delta = sp.Rational(1, 2) ** (1 / tau)
    utility = b * delta ** (j - 1)
    ode: Expression = sp.Eq(y(n).diff(n), b * y(n) / n)
    solution: Expression = sp.dsolve(ode, y(n), ics={y(start): before})
    ratio = (seen[j] / seen[j - 1]) ** utility
    law = a * seen[1] ** b * sp.Product(ratio, (j, 2, k))
    steps = [
        given("Each sample lowers the error by its utility: dy/dn = b y/n.", ode.lhs, ode.rhs),
        checked(
            "A pass that starts at (n_1, y) follows a power law.",
            solution.rhs,
            before * (n / start) ** b,
        ),
        checked(
            "At the first pass, from y = a at n = 1: y = a n^b.",
            solution.rhs.subs({before: a, start: 1}),
            a * n**b,
        ),
        checked(
            "With half-life τ, pass j has utility b δ^{j−1}, δ = 2^{−1/τ}: half after τ passes.",
            utility.subs(j, j + tau) / utility,
            sp.Rational(1, 2),
        ),
        given("Chained over the passes, each with its own utility b_j = b δ^{j−1}.", y(k), law),
        *(_chain_step(a, b, delta, seen, law, k, last) for last in (2, 3, 4)),
        checked(
            "Induction: one pass more multiplies the law by its own power law.",
            (law.subs(k, 6).doit() / law.subs(k, 5).doit()),
            ratio.subs(j, 6),
        ),
    ]
    return derivation(
        "The law of utility decay",
        "y_k = a n_1^{b_1} ∏_{j=2..k} (n_j/n_{j−1})^{b_j} with b_j = b δ^{j−1}",
        steps,
    )


def _chain_step(a, b, delta, seen, law, k, last: int) -> Step:
    """The passes integrated one after the other, against the product formula."""
    y = a * seen[1] ** b
    for j in range(2, last + 1):
        y = y * (seen[j] / seen[j - 1]) ** (b * delta ** (j - 1))
    return checked(f"{last} passes integrated one after the other.", y, law.subs(k, last).doit())


def mixing_rule() -> Derivation:
    """τ̂ = p τ for p equal pools sampled uniformly; τ̂ = (N̂/N) τ in general.

    The clock matters: τ̂ counts passes of N samples, the size of one pool. During one pass over
    the union of N̂ samples each sample is still shown once, and uniform sampling alone would keep
    δ. The published law, and `prunelaw.decay.utility`, apply δ̂ per pass over the union.
    """
    n, N, p, union, tau, slow = sp.symbols("n N p N_union tau tau_mixed", positive=True)
    k = sp.symbols("k", positive=True)
    first, second = sp.symbols("b_1 b_2", real=True)
    y, error = sp.Function("y"), sp.symbols("y", positive=True)
    half = sp.Rational(1, 2)
    showings = (n / p) / N
    mixed = sp.solve(sp.Eq(k / (p * tau), k / slow), slow)[0]
    general = sp.solve(sp.Eq(k * N / (union * tau), k / slow), slow)[0]
    drawn = first * error / n / 2 + second * error / n / 2
    steps = [
        given("Of n samples drawn uniformly from p pools of N, each pool gives n/p.", y(n), n / p),
        checked(
            "After n = k N samples, k passes of one pool's size, a sample was shown k/p times.",
            showings.subs(n, k * N),
            k / p,
        ),
        checked("Its utility has decayed by 2^{−(k/p)/τ} = 2^{−k/τ̂}, so τ̂ = p τ.", mixed, p * tau),
        checked(
            "For a pool of N in a union of N̂ it is shown k N/N̂ times: τ̂ = (N̂/N) τ.",
            general,
            union / N * tau,
        ),
        checked(
            "A draw is of each pool with equal probability: the utilities average (p = 2).",
            drawn,
            (first + second) / 2 * error / n,
        ),
        checked(
            "Per pass over the union, k = p, the decay is δ itself.",
            (half ** (1 / (p * tau))) ** p,
            half ** (1 / tau),
        ),
    ]
    return derivation(
        "The mixing rule",
        "τ̂_i = p τ_i in passes of one pool's size, and b_eff is the mean of the b_i δ̂_i^k",
        steps,
    )


def infinite_passes() -> Derivation:
    """Σ_{k≥1} δ^k log(1 + 1/k): a polylogarithm's slope, its expansion at δ → 1, an integral.

    The log growth of a pool repeated for ever; `prunelaw.decay.passes` evaluates the expansion
    where decay is slow and the integral elsewhere, for finitely many passes as well.
    """
    delta, r, t, k, M = sp.symbols("delta r t k M", positive=True)
    s, slow = sp.symbols("s L", real=True)
    n = sp.symbols("n", integer=True, nonnegative=True)
    S, Li, zeta_slope = sp.symbols("S"), sp.Function("Li"), sp.Function("zeta'")
    powers = sp.gamma(1 - s) * r ** (s - 1)
    whole = sp.series(1 / (sp.exp(r) - 1), r, 0, 6).removeO()
    terms = sum(sp.zeta(-j) * (-r) ** j / sp.factorial(j) for j in range(6))
    tail = sp.Sum(zeta_slope(-n) * (-r) ** n / sp.factorial(n), (n, 0, sp.oo))
    first = (sp.exp(r) - 1) * ((slow - sp.EulerGamma) / r + sp.log(2 * sp.pi) / 2)
    shape = (1 - sp.exp(-t)) / t
    steps = [
        given(
            "The log growth of a pool repeated for ever.",
            S,
            sp.Sum(delta**n * sp.log(1 + 1 / n), (n, 1, sp.oo)),
        ),
        *(_by_parts_step(delta, last) for last in (2, 3, 4)),
        checked(
            "Induction: pass M adds the same to both sides.",
            delta**M * (sp.log(M + 1) - sp.log(M)),
            (1 / delta - 1) * delta**M * sp.log(M)
            + delta**M * sp.log(M + 1)
            - delta ** (M - 1) * sp.log(M),
        ),
        checked(
            "log k is a slope of the polylogarithm's terms.", -(k**-s).diff(s).subs(s, 0), sp.log(k)
        ),
        given(
            "δ^M log(M + 1) → 0 for δ < 1, so S is the slope of the polylogarithm at s = 0.",
            S,
            -(1 - delta) / delta * sp.Derivative(Li(s, delta), s),
        ),
        given(
            "Its expansion for δ = e^{−r}, 0 < r < 2π.",
            Li(s, sp.exp(-r)),
            powers + sp.Sum(sp.zeta(s - n) * (-r) ** n / sp.factorial(n), (n, 0, sp.oo)),
        ),
        checked("At s = 0 that is 1/(e^r − 1), here up to r^5.", whole, 1 / r + terms),
        checked(
            "The slope of its first term at s = 0.",
            -powers.diff(s).subs(s, 0),
            (-sp.log(r) - sp.EulerGamma) / r,
        ),
        given(
            "So S in powers of r; a few of them serve for slow decay.",
            S,
            (sp.exp(r) - 1) * ((sp.log(1 / r) - sp.EulerGamma) / r - tail),
        ),
        checked(
            "With ζ′(0) = −½ log 2π and L = log(1/r), S = L − γ + r/2 (L − γ + log 2π) + O(r²).",
            sp.series(first, r, 0, 2).removeO(),
            slow - sp.EulerGamma + r / 2 * (slow - sp.EulerGamma + sp.log(2 * sp.pi)),
        ),
        checked(
            "For any r: log(1 + 1/k) = ∫ φ(t) e^{−kt} dt, φ = (1 − e^{−t})/t; the slopes agree",
            -sp.integrate(sp.expand(t * shape * sp.exp(-k * t)), (t, 0, sp.oo)),
            sp.log(1 + 1 / k).diff(k),
        ),
        checked(
            "(and both vanish at k = ∞); weighted by k, by parts, −φ′ takes the place of φ.",
            -shape.diff(t),
            (1 - (1 + t) * sp.exp(-t)) / t**2,
        ),
        checked(
            "The geometric series under the integral has the denominator 1 − δ e^{−t}; no "
            "difference of near numbers is in it.",
            (1 - sp.exp(-r - t)) * sp.exp(t),
            (sp.exp(t) - 1) + (1 - sp.exp(-r)),
        ),
    ]
    return derivation(
        "Infinitely many passes",
        "Σ_{k≥1} δ^k log(1 + 1/k) = −((1 − δ)/δ) ∂_s Li_s(δ) at s = 0, which is "
        "log(1/r) − γ + O(r log(1/r)) for δ = e^{−r} → 1",
        steps,
    )


def _by_parts_step(delta, last: int) -> Step:
    """Σ_{k≤M} δ^k (log(k+1) − log k) = (1/δ − 1) Σ_{k≤M} δ^k log k + δ^M log(M+1)."""
    k = range(1, last + 1)
    return checked(
        f"Summation by parts, {last} passes.",
        sum(delta**j * (sp.log(j + 1) - sp.log(j)) for j in k),
        (1 / delta - 1) * sum(delta**j * sp.log(j) for j in k) + delta**last * sp.log(last + 1),
    )
