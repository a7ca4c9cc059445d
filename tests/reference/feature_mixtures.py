"""Students of sampled Gaussian mixtures, each certified: what the theory is held to."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, ndtr

from prunelaw.features import FeatureModel

GAP = 1e-4  # relative, of every student: errors then agree to 1e-4 or better


def train(loss, rows, penalty):
    """argmin Σ ℓ(β·row) + (λ/2)|β|² and the relative gap of its certificate; rows are y x."""
    if loss in ("hinge", "hard-margin"):
        return by_dual(loss, rows, penalty)
    slope, curve, value = {
        "logistic": (
            lambda v: -expit(-v), lambda v: expit(v) * expit(-v), lambda v: np.logaddexp(0.0, -v)
        ),
        "square": (lambda v: v - 1.0, np.ones_like, lambda v: 0.5 * (1.0 - v) ** 2),
        "squared-hinge": (
            lambda v: np.minimum(v - 1.0, 0.0), lambda v: 1.0 * (v < 1.0),
            lambda v: 0.5 * np.maximum(1.0 - v, 0.0) ** 2,
        ),
    }[loss]  # fmt: skip
    beta = np.zeros(rows.shape[1])

    def objective(beta):
        return value(rows @ beta).sum() + 0.5 * penalty * beta @ beta

    for _ in range(60):
        v = rows @ beta
        gradient = rows.T @ slope(v) + penalty * beta
        gap = gradient @ gradient / (2.0 * penalty) / objective(beta)
        if gap < GAP**2:
            break
        hessian = rows.T @ (curve(v)[:, None] * rows) + penalty * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        share = 1.0
        while objective(beta - share * step) > objective(beta) and share > 1e-6:
            share *= 0.5
        beta = beta - share * step
    return beta, gap


def by_dual(loss, rows, penalty):
    """Hinge and hard margin: max Σ a − |rowsᵀa|²/(2λ) over 0 ≤ a (≤ 1)."""
    lam, top = (1.0, np.inf) if loss == "hard-margin" else (penalty, 1.0)
    gram = rows @ rows.T / lam
    a = np.zeros(len(rows))

    def dual(a):
        return 0.5 * a @ gram @ a - a.sum()

    a = minimize(
        dual, a, jac=lambda a: gram @ a - 1.0, bounds=[(0.0, top)] * len(a), method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-9, "maxcor": 30},
    ).x  # fmt: skip
    beta = rows.T @ a / lam
    v = rows @ beta
    if loss == "hard-margin":
        beta = beta / v.min()
        primal = 0.5 * beta @ beta
    else:
        primal = np.maximum(1 - v, 0.0).sum() + 0.5 * lam * beta @ beta
    return beta, (primal + dual(a)) / abs(primal)


def kept(rule, z, y, gammas):
    """Which examples a one-sided rule keeps; gammas for labels +1 and −1."""
    gamma = np.where(y > 0, gammas[0], gammas[1])
    return {
        "hard": np.abs(z) < gamma,
        "easy": np.abs(z) > gamma,
        "signed-hard": y * z < gamma,
        "signed-easy": y * z > gamma,
    }[rule]


def sample(rng, model, n):
    """n examples of a mixture with diagonal covariances: x, labels before and after flips."""
    c = rng.choice(model.clusters, size=n, p=model.weights)
    x = model.means[c] + np.sqrt(model.covariances[c]) * rng.normal(size=(n, model.dim))
    if model.labels is not None:
        clean = model.labels[c]
    else:
        clean = np.where(rng.uniform(size=n) < model.label_law.up(x @ model.teacher), 1.0, -1.0)
    flip = rng.uniform(size=n) < np.where(clean > 0, *model.flips)
    return x, clean, np.where(flip, -clean, clean)


def error_of(model, beta):
    """Exact test error of a direction on a mixture with labels by cluster, or a sign teacher."""
    mean, sd = model.means @ beta, np.sqrt(model.covariances @ beta**2)
    if model.labels is not None:
        return float(model.weights @ ndtr(-model.labels * mean / sd))
    overlap = model.covariances @ (beta * model.teacher)
    norm = np.sqrt(model.covariances @ model.teacher**2)
    return float(np.arccos(overlap[0] / (sd[0] * norm[0])) / np.pi)


def clusters(dim, K, **law):
    """K clusters of different spectra, the classes √(1/K) apart, d = `dim` coordinates."""
    place = (np.arange(dim) + 0.5) / dim
    spectra = np.stack([0.4 + 1.2 * (1 + 0.5 * c) * place ** (c % 3) for c in range(K)])
    means = np.zeros((K, dim))
    for c in range(K):
        means[c] = np.sign(c % 2 - 0.5) * 1.3 * np.sqrt(2.0 / dim) * (np.arange(dim) % 2)
        means[c] += 0.8 * np.sqrt(1.0 / dim) * np.cos(np.pi * (c + 1) * place)
    weights = np.arange(1, K + 1) / np.arange(1, K + 1).sum()
    labels = np.where(np.arange(K) % 2, 1.0, -1.0)
    return FeatureModel(weights, means, spectra, labels, **law)


def probe_of(model):
    """A poor probe: the difference of the class means, and something else."""
    place = (np.arange(model.dim) + 0.5) / model.dim
    theta = (model.labels @ model.means) + 1.5 * np.sqrt(1.0 / model.dim) * np.cos(
        5 * np.pi * place
    )
    return theta / np.linalg.norm(theta)
