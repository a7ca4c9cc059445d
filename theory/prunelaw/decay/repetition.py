"""The laws that compete with utility decay: no decay, effective data, overfitting, plain compute.

    NoDecay          y = (a n/1e5)^b + d                          a repeat is worth a new sample
    DataConstrained  L = E + A/N_eff^α + B/D_eff^β                Muennighoff et al. 2023
    Overfit          a law + c S^p (N/U)^q                        repeats that do harm
    PowerLaw         y = k C^s + d                                Cherti et al. 2023

n = D: samples (of a language model: tokens) seen; U: unique ones; N: parameters of the model; C:
compute. `prunelaw.decay.allocation` divides a budget between N and D. `PUBLISHED` holds fitted
constants with their sources. None of these laws is a probability, and nothing here clips them at 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelaw.checks import check_finite, check_real, hold_number
from prunelaw.decay.utility import DIVISOR, Pool, Real, UtilityLaw
from prunelaw.decay.utility import PUBLISHED as UTILITY_SETS
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array


@dataclass(frozen=True)
class NoDecay:
    """y = (a n/1e5)^b + d: the error falls with samples seen, however often they repeat.

    `a` > 0 stands inside the power with the divisor 1e5, b ≤ 0, d ≥ 0: the case τ = ∞ of the
    "paper" convention of `prunelaw.decay.utility`.
    """

    a: Real
    b: Real
    d: Real

    def __post_init__(self) -> None:
        hold_number(self, "a", 0.0, low_open=True)
        hold_number(self, "b", -np.inf, 0.0)
        hold_number(self, "d", 0.0)

    def error(self, samples_seen: Any) -> Array:
        """Error after `samples_seen` > 0 samples."""
        seen = check_real("samples_seen", samples_seen, 0.0, low_open=True)
        with np.errstate(over="ignore"):
            error = np.exp(self.b * (np.log(seen) + math.log(self.a / DIVISOR))) + self.d
        return check_finite("a, b and samples_seen", error)


@dataclass(frozen=True)
class DataConstrained:
    """Loss of a model of N parameters after D samples, U of them unique: repeats are worth less.

        L = E + A / N_eff^α + B / D_eff^β
        D_eff = U_D (1 + S(D/U_D − 1, R*_D)),    U_D = min(U, D)
        N_eff = U_N (1 + S(N/U_N − 1, R*_N)),    U_N = min(N, N_opt(U_D))
        S(R, R*) = R* (1 − exp(−R/R*)),          N_opt(U) = ((αA/βB) U^β)^(1/α)

    N_opt(U) is the N for which U is the compute-optimal amount of data: along 6 N D = const, αA/N^α
    = βB/D^β. So `r_n` < inf weakens a model that is too large for its unique data, repeated or not.
    r_d = r_n = inf is the law of Hoffmann et al. (2022); r_d = 0 makes repeats worthless.

    `E` ≥ 0; `A`, `B`, `alpha`, `beta` > 0; `r_d`, `r_n` in [0, inf] are R*_D, R*_N.

    Raises:
        InputError: outside these ranges.

    Source:
        Muennighoff et al. 2023, arXiv 2305.16264, section 3.1 and appendix A.
    """

    E: Real
    A: Real
    B: Real
    alpha: Real
    beta: Real
    r_d: Real = math.inf
    r_n: Real = math.inf

    def __post_init__(self) -> None:
        hold_number(self, "E", 0.0)
        for name in ("A", "B", "alpha", "beta"):
            hold_number(self, name, 0.0, low_open=True)
        hold_number(self, "r_d", 0.0, infinite=True)
        hold_number(self, "r_n", 0.0, infinite=True)

    @property
    def log_ratio(self) -> float:
        """log(αA/βB): what α log N − β log D is on the compute-optimal line, without repeats."""
        return math.log(self.alpha / self.beta) + math.log(self.A) - math.log(self.B)

    def loss(self, samples_seen: Any, unique_samples: Any, parameters: Any) -> Array:
        """Loss at D = `samples_seen`, U = `unique_samples`, N = `parameters`, all > 0.

        Arrays broadcast. D < U is fine: only D samples count as unique then.
        """
        seen, unique, size = _runs(samples_seen, unique_samples, parameters)
        log_n, log_d = self._log_effective(seen, unique, size)
        with np.errstate(over="ignore"):
            capacity = np.exp(math.log(self.A) - self.alpha * log_n)
            data = np.exp(math.log(self.B) - self.beta * log_d)
        return check_finite("A, B, alpha, beta and the runs", self.E + capacity + data)

    def effective_samples(self, samples_seen: Any, unique_samples: Any) -> Array:
        """D_eff: how many unique samples would be worth the same."""
        seen, unique, _ = _runs(samples_seen, unique_samples, 1.0)
        return check_finite("samples_seen", np.exp(_log_effective_samples(seen, unique, self.r_d)))

    def effective_parameters(
        self, samples_seen: Any, unique_samples: Any, parameters: Any
    ) -> Array:
        """N_eff: the size of a model that would make the same of unlimited unique data."""
        runs = _runs(samples_seen, unique_samples, parameters)
        return check_finite("A, B, alpha, beta and the runs", np.exp(self._log_effective(*runs)[0]))

    def matched_parameters(self, unique_samples: Any) -> Array:
        """N_opt(U): the model for which U unique samples, seen once, are compute-optimal."""
        unique = check_real("unique_samples", unique_samples, 0.0, low_open=True)
        with np.errstate(over="ignore"):
            return check_finite("A, B, alpha and beta", np.exp(self.log_matched(np.log(unique))))

    def log_matched(self, log_unique: Any) -> Array:
        """log N_opt from log U, also where N_opt itself is beyond the range of floats."""
        return np.asarray((self.log_ratio + self.beta * np.asarray(log_unique)) / self.alpha)

    def _log_effective(self, seen: Array, unique: Array, size: Array) -> tuple[Array, Array]:
        """log N_eff and log D_eff."""
        log_n = np.log(size)
        log_d = _log_effective_samples(seen, unique, self.r_d)
        if self.r_n == math.inf:
            return np.asarray(log_n), log_d
        matched = self.log_matched(np.log(np.minimum(seen, unique)))
        base = np.minimum(log_n, matched)
        with np.errstate(over="ignore"):  # excess = inf: N_eff is at its limit U_N (1 + R*_N)
            excess = np.expm1(log_n - base)
        return np.asarray(base + np.log1p(saturated(excess, self.r_n))), log_d


# As `Real`: read by people and type checkers; `Overfit` judges what comes, and says more.
if TYPE_CHECKING:
    Monotone = DataConstrained | NoDecay | UtilityLaw
else:
    Monotone = Any


@dataclass(frozen=True)
class Overfit:
    """A law plus a penalty that repeats add, so that the error may rise again.

        L = law + c S(R, R*)^p (N/U)^q,    R = max(D/U − 1, 0),    S(R, R*) = R* (1 − exp(−R/R*))

    The penalty is 0 up to the first epoch, and grows with the repeats R and with the parameters a
    unique sample has to itself. r_star = inf (S = R) on a `DataConstrained` with r_d = r_n = inf is
    the form of Lovelace et al. 2026, arXiv 2605.01640. A finite r_star, at which the harm levels
    off, is prunelaw's own extension: not published. With p = 1 it predicts the C4 runs of the most
    tokens best of the forms compared, if the fitted runs show the levelling; if they do not, r_star
    is open and no form predicts them.

    `law`: a `DataConstrained`, `NoDecay` or `UtilityLaw`. `c` ≥ 0, `q` ≥ 0, `p` > 0, `r_star` > 0
    or inf. With q = 0 the penalty needs no `parameters`.
    """

    law: Monotone
    c: Real
    q: Real
    p: Real = 1.0
    r_star: Real = math.inf

    def __post_init__(self) -> None:
        if not isinstance(self.law, DataConstrained | NoDecay | UtilityLaw):
            raise InputError(
                f"law must be a DataConstrained, NoDecay or UtilityLaw, got {self.law!r}"
            )
        hold_number(self, "c", 0.0)
        hold_number(self, "q", 0.0)
        hold_number(self, "p", 0.0, low_open=True)
        hold_number(self, "r_star", 0.0, infinite=True, low_open=True)

    def loss(self, samples_seen: Any, unique_samples: Any, parameters: Any = None) -> Array:
        """Loss or error of runs; `parameters` is needed by `DataConstrained` and by q > 0."""
        if isinstance(self.law, DataConstrained):
            if parameters is None:
                raise InputError("parameters must be given: DataConstrained depends on them")
            base = self.law.loss(samples_seen, unique_samples, parameters)
        elif isinstance(self.law, NoDecay):
            base = self.law.error(samples_seen)
        else:
            base = self.law.error(samples_seen, unique_samples)
        penalty = self.penalty(samples_seen, unique_samples, parameters)
        return check_finite("c, p, q and the runs", base + penalty)

    def penalty(self, samples_seen: Any, unique_samples: Any, parameters: Any = None) -> Array:
        """The last term alone: what repeating costs."""
        if parameters is None and self.q > 0.0:
            raise InputError(f"parameters must be given: q = {self.q:g} weighs them")
        seen, unique, size = _runs(
            samples_seen, unique_samples, 1.0 if parameters is None else parameters
        )
        repeats = saturated(_repeats(seen, unique), self.r_star)
        with np.errstate(over="ignore"):
            crowding = (size / unique) ** self.q
            return check_finite("c, p, q and the runs", self.c * repeats**self.p * crowding)


@dataclass(frozen=True)
class PowerLaw:
    """y = k C^s + d in compute C alone: it knows neither the data nor how often they repeat.

    C is the total of a training run in GMACs: giga multiply-accumulates of one forward pass, of one
    sample, times the samples seen (`gmacs_total` of the public OpenCLIP tables). `k` > 0, `s` ≤ 0,
    `d` ≥ 0 (published: 0).

    Source:
        Cherti et al. 2023, arXiv 2212.07143, section 4 (E = β C^α there).
    """

    k: Real
    s: Real
    d: Real = 0.0

    def __post_init__(self) -> None:
        hold_number(self, "k", 0.0, low_open=True)
        hold_number(self, "s", -np.inf, 0.0)
        hold_number(self, "d", 0.0)

    def error(self, compute: Any) -> Array:
        """Error after `compute` > 0."""
        spent = check_real("compute", compute, 0.0, low_open=True)
        with np.errstate(over="ignore"):
            error = np.exp(math.log(self.k) + self.s * np.log(spent)) + self.d
        return check_finite("k, s and compute", error)


def saturated(repeats: Any, r_star: float) -> Array:
    """S(R, R*) = R* (1 − exp(−R/R*)) for R ≥ 0: R while R ≪ R*, R* in the end; R* in [0, inf]."""
    repeats = np.asarray(repeats, dtype=np.float64)
    if r_star == math.inf:
        return repeats
    if r_star == 0.0:
        return np.zeros_like(repeats)
    with np.errstate(over="ignore", under="ignore"):
        ratio = repeats / r_star
        nearly_all = repeats * (1.0 - 0.5 * np.minimum(ratio, 1.0))  # to 2e-17 for ratio < 1e-8
        return np.where(ratio < 1e-8, nearly_all, -r_star * np.expm1(-ratio))


def _log_effective_samples(seen: Array, unique: Array, r_d: float) -> Array:
    """log D_eff."""
    log_once = np.log(np.minimum(seen, unique))
    return np.asarray(log_once + np.log1p(saturated(_repeats(seen, unique), r_d)))


def _repeats(seen: Array, unique: Array) -> Array:
    """R = D/U − 1, and 0 up to the first epoch."""
    with np.errstate(over="ignore"):
        repeats = np.maximum(seen - unique, 0.0) / unique
    return check_finite("samples_seen / unique_samples", repeats)


def _runs(seen: Any, unique: Any, size: Any) -> tuple[Array, ...]:
    return (
        check_real("samples_seen", seen, 0.0, low_open=True),
        check_real("unique_samples", unique, 0.0, low_open=True),
        check_real("parameters", size, 0.0, low_open=True),
    )


@dataclass(frozen=True)
class PublishedLaw:
    """A law with fitted constants, where they were published, and what one must know of them."""

    law: DataConstrained | PowerLaw | tuple[Pool, ...]
    citation: str
    note: str


def _from_logs(E: float, A: float, B: float, *rest: float) -> DataConstrained:
    return DataConstrained(math.exp(E), math.exp(A), math.exp(B), *rest)


_MUENNIGHOFF = "Muennighoff et al. 2023, Scaling Data-Constrained Language Models, arXiv 2305.16264"
_CHERTI = "Cherti et al. 2023, Reproducible scaling laws for contrastive language-image learning"
_GOYAL = "Goyal et al. 2024, Scaling Laws for Data Filtering, CVPR, arXiv 2404.07177"

PUBLISHED: Mapping[str, PublishedLaw] = MappingProxyType(
    {
        "hoffmann2022": PublishedLaw(
            DataConstrained(1.69, 406.4, 410.7, 0.34, 0.28),
            "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, "
            "arXiv 2203.15556, eq. 10 (approach 3)",
            "No run saw data twice. The exponents are rounded to two digits, which moves the "
            "optimum at large compute: 32B parameters at 5.76e23, besiroglu2024: 72B.",
        ),
        "besiroglu2024": PublishedLaw(
            DataConstrained(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
            "Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, arXiv 2404.10102",
            "The runs of hoffmann2022, read off its figure 4 and fitted again.",
        ),
        "muennighoff2023": PublishedLaw(
            _from_logs(0.6254804, 6.255414, 7.3049974, 0.3526596, 0.3526596, 15.387756, 5.309743),
            f"{_MUENNIGHOFF}, eqs. 17 and 20",
            "Cross-entropy in nats on C4; α = β imposed. E, A, B, α were fitted to 54 runs, R* to "
            "182, after runs whose loss rose with epochs or parameters were left out.",
        ),
        "muennighoff2023_free": PublishedLaw(
            _from_logs(0.604038, 6.6229553, 7.5856404, 0.3724021, 0.36468068, 16.257626, 4.9642363),
            f"{_MUENNIGHOFF}, notebook of figure 1 in huggingface/datablations",
            "An earlier fit with α and β free. Figure 1 was drawn with it: its allocation (6.34B "
            "parameters, 242B tokens, 9.7 epochs of 25B) follows from these numbers, not from the "
            "set of the appendix.",
        ),
        "cherti2023_imagenet": PublishedLaw(
            PowerLaw(5.858, -0.1114),
            f"{_CHERTI}, CVPR, arXiv 2212.07143, figure 1a",
            "Zero-shot top-1 error of OpenCLIP on ImageNet; compute in GMACs. Fitted to the best "
            "run of each of a few bins of compute: other runs lie above it. Of the paper's other "
            "laws only the exponents are in its text: CHERTI_EXPONENTS.",
        ),
        "goyal2024_utility": PublishedLaw(
            UTILITY_SETS["utility"],
            _GOYAL,
            "decay.utility.PUBLISHED['utility']: four pools of DataComp medium, official_code.",
        ),
        "goyal2024_effective_data": PublishedLaw(
            UTILITY_SETS["effective_data"],
            _GOYAL,
            "prunelaw.decay.utility.PUBLISHED['effective_data']: the same pools, effective data.",
        ),
    }
)
"""Constants fitted by others, by name."""

CHERTI_EXPONENTS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("openclip", "imagenet"): -0.11,
        ("openclip", "imagenet_robustness"): -0.13,
        ("openclip", "mscoco_retrieval"): -0.08,
        ("openclip", "flickr30k_retrieval"): -0.19,
        ("openai", "imagenet"): -0.16,
        ("openai", "imagenet_robustness"): -0.24,
        ("openai", "mscoco_retrieval"): -0.05,
        ("openai", "flickr30k_retrieval"): -0.10,
    }
)
"""Exponent s of error = k C^s by training data (LAION for OpenCLIP, or OpenAI's own) and task.

The error of retrieval is 1 − Recall@5 of images. Source: arXiv 2212.07143, sections 4.1 and 4.2,
two digits; the factors k are not in the text.
"""
