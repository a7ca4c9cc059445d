"""Mixtures of several classes, probes for them, and students of their samples."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc


def mixture(d, K):
    """K clusters of different weights, means and spectra."""
    place = (np.arange(d) + 0.5) / d
    means = np.stack([1.8 * np.sqrt(2 / d) * np.cos(np.pi * (c + 1) * place) for c in range(K)])
    covs = np.stack([0.4 + (1 + 0.5 * c) * place ** (c % 3) for c in range(K)])
    return np.arange(3, 3 + K) / np.arange(3, 3 + K).sum(), means, covs


def probes(means, classes):
    """One for each class, poor ones."""
    d = means.shape[1]
    own = np.stack([means[classes == k].mean(axis=0) for k in range(classes.max() + 1)])
    other = [np.cos(np.pi * (7 + k) * (np.arange(d) + 0.5) / d) for k in range(len(own))]
    return own - own.mean(axis=0) + 0.7 * np.sqrt(2 / d) * np.stack(other)


def trained_softmax(x, y, L, penalty):
    """argmin over W (L × d) of Σ ℓ(W x, y) + (λ/2)|W|², its gradient below 1e-5 of the first."""
    target = np.eye(L)[y]

    def look(flat):
        W = flat.reshape(L, -1)
        v = x @ W.T
        top = v.max(axis=1, keepdims=True)
        p = np.exp(v - top)
        total = p.sum(axis=1, keepdims=True)
        loss = np.sum(top + np.log(total)) - np.sum(v * target)
        slope = (p / total - target).T @ x + penalty * W
        return loss + 0.5 * penalty * flat @ flat, slope.ravel()

    start = np.zeros(L * x.shape[1])
    found = minimize(look, start, jac=True, method="L-BFGS-B",
                     options={"maxiter": 5000, "maxfun": 9000, "ftol": 1e-15, "gtol": 1e-7,
                              "maxcor": 20})  # fmt: skip
    assert np.linalg.norm(found.jac) < 1e-5 * np.linalg.norm(look(start)[1])
    return found.x.reshape(L, -1)


def wrong(B, b, weights, means, covs, classes):
    """P(the largest of fields B x + b is another class's), by Sobol points of the fields."""
    points, total = qmc.MultivariateNormalQMC(np.zeros(len(B)), rng=5).random(2**11), 0.0
    for p, mean, cov, k in zip(weights, means, covs, classes, strict=True):
        values, vectors = np.linalg.eigh((B * cov) @ B.T)
        fields = B @ mean + b + points @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
        total += p * np.mean(np.argmax(fields, axis=1) != k)
    return total
