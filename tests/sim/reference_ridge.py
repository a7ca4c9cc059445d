"""Ridge classifiers on pruned data, labels of a generator: what `prunelaw.solve_ridge` predicts.

Each trial draws n = round(α_tot N) inputs x ~ N(0, I_N), keeps each with probability w(z) of its
probe field z, takes labels from the generator, solves

    (1/n Σ_kept x xᵀ + λ) w = 1/n Σ_kept y x

and reads the error off the angle of w to the teacher e1.  Only the fields in the span of teacher,
probe and generator are drawn for all n examples, and the other N − 3 coordinates for the kept ones.
"""

import numpy as np

from prunelaw.keep import as_rule, checked_fraction
from prunelaw_sim.students.catalogue.ridge import train_ridge

PLANE = 3  # coordinates that teacher, probe and generator span


def simulate_ridge(
    alpha_tot, f, theta, rule,
    *, ridge=0.01, generator_theta=0.0, generator_turn=np.pi / 2, dim, trials, seed=0,
):  # fmt: skip
    """The errors of `trials` classifiers; arguments as in `solve_ridge`."""
    keep, angle = as_rule(rule), np.array([theta])
    segments = keep.segments(np.atleast_1d(checked_fraction(keep, f, angle)), angle)
    drawn = int(alpha_tot * dim + 0.5)
    probe = np.array([np.cos(theta), np.sin(theta), 0.0])
    generator = np.sin(generator_theta) * np.array(
        [0.0, np.cos(generator_turn), np.sin(generator_turn)]
    )
    generator[0] = np.cos(generator_theta)
    error = np.empty(trials)
    for trial in range(trials):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(trial,)))
        fields = rng.standard_normal((drawn, PLANE))
        fields = fields[rng.random(drawn) < segments.weight_at((fields @ probe)[None])[0]]
        rows = np.empty((len(fields), dim))
        rows[:, :PLANE] = np.sign(fields @ generator)[:, None] * fields
        rows[:, PLANE:] = rng.standard_normal((len(fields), dim - PLANE))  # y x has the same law
        w = train_ridge(rows, drawn, ridge)
        error[trial] = np.arctan2(np.linalg.norm(w[1:]), w[0]) / np.pi
    return error
