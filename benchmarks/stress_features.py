"""Solved share of random points of the theory of features: `python -m benchmarks.stress_features`.

Points: n/d .05 to 50, f .02 to 1, λ 1e-6 to 10, K 1 to 12, spectra flat to i^−2, every loss and
rule, labels by clusters or a teacher, with and without intercept and flips.  Every
solution is checked on a third quadrature: one more step of the equations on 30
nodes a panel must leave the error where it is.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

from prunelaw.features import FeatureModel, solve
from prunelaw.features.error import cluster_errors
from prunelaw.features.matrix import respond
from prunelaw.features.newton import hats_of, newton

RULES = np.array(
    ["hard", "easy", "signed-hard", "signed-easy", "random", "mix:0.2,hard"], dtype=object
)
LOSSES = ("logistic", "square", "hinge", "squared-hinge")


def random_model(rng: np.random.Generator, d: int) -> tuple[FeatureModel, np.ndarray]:
    """A mixture whose clusters share eigenvectors or not, and a probe."""
    K = int(rng.integers(1, 13))
    spectrum = np.arange(1, d + 1.0) ** -rng.uniform(0.0, 2.0)
    spectrum *= d / spectrum.sum()
    if K == 1:
        teacher = rng.normal(size=d) / np.sqrt(spectrum @ np.ones(d))
        noise = rng.choice([0.0, 0.1])
        probe = teacher + rng.uniform(0.05, 2.0) * rng.normal(size=d) / np.sqrt(d)
        return FeatureModel.gaussian(teacher, spectrum, flips=noise), probe
    spectra = spectrum * np.exp(0.5 * rng.normal(size=(K, d)))
    labels = np.r_[1.0, -1.0, rng.choice([-1.0, 1.0], K - 2)]
    means = rng.normal(size=(K, d)) * np.sqrt(spectrum / d) * 10 ** rng.uniform(-0.5, 0.7)
    covs: np.ndarray = spectra
    if rng.uniform() < 0.3:
        turn = np.linalg.qr(rng.normal(size=(K, d, d)))[0]
        covs = np.einsum("kia,ka,kja->kij", turn, spectra, turn)
        covs = 0.5 * (covs + np.swapaxes(covs, 1, 2))
    probe = labels @ means / K + rng.uniform(0.1, 2.0) * rng.normal(size=d) / np.sqrt(d)
    flips = rng.choice([0.0, 0.1])
    return FeatureModel(rng.dirichlet(3 * np.ones(K)), means, covs, labels, flips=flips), probe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--each", type=int, default=10, help="points of one model")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, start = np.random.default_rng(given.seed), time.perf_counter()
    solved = total = wrong = 0
    worst, lost = 0.0, []
    for number in range(given.points // given.each):
        model, probe = random_model(rng, given.dim)
        loss, intercept = rng.choice(LOSSES), bool(rng.integers(2)) and model.clusters > 1
        n = given.dim * 0.05 * 1000 ** rng.uniform(size=given.each)
        keep = 0.02 * 50 ** rng.uniform(size=given.each)
        penalty = 10 ** rng.uniform(-6, 1, size=given.each)
        rules = rng.choice(RULES, size=given.each)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            found = solve(model, n, keep, rules, probe, loss=loss, penalty=penalty,
                          intercept=intercept, throw=False)  # fmt: skip
        total += given.each
        solved += int(found.converged.sum())
        for part in found.solved:
            good = np.flatnonzero(found.converged[part.index])
            if not good.size:
                continue
            task, point = part.task.take(good), part.point.take(good)
            again, _ = newton(task, point, 30, rounds=3)
            fields = respond(hats_of(again.x), task.world, task.penalty, False).fields
            fields = fields._replace(m=fields.m + again.b[:, None])
            error = cluster_errors(part.setting, fields) @ model.weights
            apart = np.abs(error / found.error[part.index[good]] - 1.0)
            worst = max(worst, float(apart.max()))
            wrong += int((apart > 1e-8).sum())
        for i in np.flatnonzero(~found.converged)[:3]:
            lost.append((loss, rules[i], model.clusters, n[i] / given.dim, keep[i], penalty[i],
                         found.residual[i], found.change[i]))  # fmt: skip
        if seen:
            print("warnings:", {str(w.message)[:60] for w in seen})
        if (number + 1) % 10 == 0:
            print(f"{total} points: {solved} solved, {wrong} wrong, worst {worst:.1e}, "
                  f"{(time.perf_counter() - start) / total:.2f} s a point", flush=True)  # fmt: skip
    for line in lost[:40]:
        print(
            "lost: {} {} K={} n/d={:.3g} f={:.3g} λ={:.2g} residual {:.1e} change {:.1e}".format(
                *line
            )
        )
    print(f"{solved} of {total} solved, {wrong} off by more than 1e-8, worst {worst:.1e}")


if __name__ == "__main__":
    main()
