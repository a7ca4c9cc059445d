"""The angle θ of a probe without any fit: from its test error, and from two probes' agreement.

Both speak of the theory's probe, a direction J_probe at the angle θ from the teacher T, whose field
at an input x ~ N(0, I) is z = cos θ t + sin θ u: t = T·x the teacher's field, u ~ N(0, 1) a field
of the direction's own, independent of t.

**Error.**  The probe is wrong where z and t differ in sign, P(z t < 0) = θ/π.  So θ = π ε.

**Correlation.**  A second probe z′ = cos θ t + sin θ u′ at the same angle, trained on other
examples, errs in a direction of its own: E[u u′] = 0 to order 1/√N.  Then

    corr(z, z′) = E[z z′] = cos²θ E[t²] + sin²θ E[u u′] = cos²θ,       θ = arccos √corr.

If the probes err alike, E[u u′] = r > 0, the correlation is cos²θ + r sin²θ and the estimate is too
small.  Probes at two angles give cos θ cos θ′.  A probe's sign is no matter of taste (z > 0 says
"+1"), so that a correlation at or below 0 is no angle at all.  The fields enter with their signs
and their labels unseen: y z and y z′ have means of their own, and correlate by
(1 − 2/π) cos²θ/(1 − (2/π) cos²θ) only.

Where the two estimates differ, the probe is not the theory's: its labels cannot be realised by
any direction (which raises its error, not its angle), or its errors are shared.

Source: Sorscher et al. 2022, arXiv 2206.14486, section 2 (the setting); the estimates: this module.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import binomtest

from prunelaw.checks import check_number, check_real
from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import standard_error
from prunelaw_sim.studies.answers import Estimate, jackknifed

LEVEL = 0.9


def angle_from_errors(
    wrong: Int[np.ndarray, " seeds"], tested: Int[np.ndarray, " seeds"], *, level: float = LEVEL
) -> Estimate:
    """θ = π ε in radians, of probes that are wrong on `wrong` of `tested` examples unseen by them.

    One entry a seed.  The standard error is that of the mean over seeds (NaN for one), draws of
    probe and tests included; the interval is Clopper and Pearson's for the pooled counts, of the
    tests' draw alone.

    Raises:
        InputError: for counts out of range, and where more than half are wrong.
    """
    check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    counts = check_real("tested", tested, 1.0)
    errors = check_real("wrong / tested", check_real("wrong", wrong, 0.0) / counts, 0.0, 1.0)
    bad, total = int(np.sum(wrong)), int(counts.sum())
    if bad / total > 0.5:
        raise InputError(
            f"the probe's error must be at most 1/2, got {bad / total:.4g}: turn its sign"
        )
    ends = binomtest(bad, total).proportion_ci(level)
    scatter = standard_error(errors)
    interval = (float(np.pi * ends.low), float(np.pi * min(ends.high, 0.5)))  # θ ends at π/2
    return Estimate(float(np.pi * bad / total), float(np.pi * scatter), interval)


def angle_from_correlations(
    correlations: Float[np.ndarray, " seeds"], *, level: float = LEVEL
) -> Estimate:
    """θ = arccos √c in radians, c the mean over seeds of the correlations of two probes' fields.

    Standard error by the jackknife over seeds, interval by Student's t, ended at 0 and π/2.

    Raises:
        InputError: for fewer than five seeds, values outside [−1, 1], and a mean, of all seeds or
            of all but one, at or below 0.
    """
    values = check_real("correlations", correlations, -1.0, 1.0)

    def angle(chosen: np.ndarray) -> float:
        mean = values[chosen].mean()
        if mean <= 0:
            raise InputError(
                f"the mean correlation must be above 0, got {mean:.4g}: probes that do not agree "
                "have no teacher in common"
            )
        return float(np.arccos(np.sqrt(mean)))

    found = jackknifed(angle, len(values), level=level)
    low, high = found.interval
    return Estimate(found.value, found.standard_error, (max(0.0, low), min(np.pi / 2, high)))


def field_correlation(
    fields: Float[np.ndarray, " examples"], twin: Float[np.ndarray, " as_many"]
) -> float:
    """Correlation of two probes' fields z on the same examples, which neither was trained on.

    Raises:
        InputError: for arrays of two lengths, and for fields that do not vary.
    """
    if fields.shape != twin.shape or len(fields) < 2:
        raise InputError(
            f"fields and twin must be of one length, 2 or more; got {len(fields)} and {len(twin)}"
        )
    one, other = check_real("fields", fields), check_real("twin", twin)
    if not one.std() or not other.std():
        raise InputError("fields and twin must vary, got a constant one")
    return float(np.corrcoef(one, other)[0, 1])
