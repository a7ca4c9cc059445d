"""The effective-data law of a union for many replicates at once: tables of its sums over passes.

With δ_i^k the worth of pool i at its (k+1)-th showing, m_k = Σ w_i δ_i^k and E_k = Σ_{j<k} m_j,
pass k multiplies the error by (E_{k+1}/E_k)^b_eff(k), b_eff(k) = Σ w_i b_i δ_i^k / m_k
(`prunelaw.decay.utility.mixture_error`).  The logs are tabulated up to the last pass that matters.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

_DEAD = 46.0  # exp(−46) < 1e-19: worth that small changes no digit
_MOST = 4_000_000  # numbers in a table: replicates × pools × passes


def growth_of_unions(
    passes: Float[np.ndarray, "replicates n"],
    share: Float[np.ndarray, " pools"],
    b: Float[np.ndarray, "replicates pools"],
    rate: Float[np.ndarray, "replicates pools"],
) -> Float[np.ndarray, "replicates n"] | None:
    """Σ_k b_eff(k) log(E_{k+1}/E_k) over the passes after the first, the last one in part.

    None where the table of one replicate would be too large to be made at all.
    """
    slowest = float(rate.min())
    alive = np.ceil(_DEAD / slowest) + 1.0 if slowest > 0.0 else np.inf
    top = int(min(max(np.floor(passes.max()), 1.0), alive, _MOST + 1.0))
    if top * share.size > _MOST:
        return None
    step = max(1, _MOST // (top * share.size))
    parts = [
        _block(passes[i : i + step], share, b[i : i + step], rate[i : i + step], top)
        for i in range(0, len(b), step)
    ]
    return np.concatenate(parts)


def _block(
    passes: Float[np.ndarray, "block n"],
    share: Float[np.ndarray, " pools"],
    b: Float[np.ndarray, "block pools"],
    rate: Float[np.ndarray, "block pools"],
    top: int,
) -> Float[np.ndarray, "block n"]:
    k = np.arange(top + 1)
    slowest = rate.min(axis=1)
    # relative to the slowest pool, so that b_eff never becomes 0/0
    alive = np.exp(-(rate - slowest[:, None])[:, :, None] * k)
    relative = np.einsum("p,rpk->rk", share, alive)
    slope = np.einsum("rp,rpk->rk", share * b, alive) / relative
    mean = relative * np.exp(-slowest[:, None] * k)
    before = np.cumsum(mean, axis=1) - mean  # E_k
    before[:, 0] = 1.0  # not used: the first pass is no repeat
    terms = slope * np.log1p(mean / before)
    terms[:, 0] = 0.0
    running = np.cumsum(terms, axis=1)
    whole: Int[np.ndarray, "block n"] = np.clip(np.floor(passes), 1.0, top).astype(np.int64)
    done = np.take_along_axis(running, whole - 1, axis=1)
    part = np.clip(passes - whole, 0.0, 1.0)
    ratio = np.take_along_axis(mean / before, whole, axis=1)
    return done + np.take_along_axis(slope, whole, axis=1) * np.log1p(part * ratio)
