"""Tables of runs on pools whose law is known, for tests of fits."""

import math

import numpy as np
import pandas as pd

from prunelaw.decay.utility import UtilityLaw

TRUTH = {"good": (-0.21, 6.0, 1e6), "poor": (-0.12, 2.5, 4e6)}
A, D = 0.04, 0.08


def exact_table(pools=("good", "poor"), convention="paper", decays=True, d=D):
    """Runs of each pool at its full size and at a fourfold one, without noise."""
    rows = []
    for name in pools:
        b, tau, smallest = TRUTH[name]
        for stretch in (1.0, 4.0):
            law = UtilityLaw(A, b, tau * stretch if decays else math.inf, d, convention)
            size = smallest * stretch
            for epochs in (0.3, 0.8, 2.0, 3.5, 8.0, 20.0, 50.0):
                error = float(law.error(epochs * size, size))
                rows.append((f"{name}-{stretch}-{epochs}", name, size, epochs * size, error))
    columns = ["run", "pool", "unique_samples", "samples_seen", "error"]
    return pd.DataFrame(rows, columns=columns).assign(group="synthetic")


def noisy_table(sigma=0.004, seed=0, **kinds):
    table = exact_table(**kinds)
    noise = np.random.default_rng(seed).normal(0.0, sigma, len(table))
    return table.assign(error=table["error"] + noise)


def openclip_imagenet(folder, nominal=False):
    """ImageNet errors of the 18 final OpenCLIP models; every LAION pool is a subset of one."""
    results = pd.read_csv(folder / "openclip" / "zeroshot_results.csv")
    results = results[(results["downstream_dataset"] == "imagenet1k") & results["name"].notna()]
    sizes = {"LAION-80M": 80_000_415.0, "LAION-400M": 407_332_084.0, "LAION-2B": 2.0e9}
    labels = {"3B": 3e9, "13B": 13e9, "34B": 34e9}
    named = results["samples_seen_pretty"].map(labels)
    return pd.DataFrame(
        {
            "run": results["name"],
            "group": results["arch"],
            "pool": "LAION",
            "unique_samples": results["upstream_dataset"].map(sizes),
            "samples_seen": named if nominal else results["samples_seen"],
            "error": 1.0 - results["acc1"],
        }
    )


PUBLISHED_POOLS = {"p0": (-0.16, 74 / 11), "p1": (-0.125, 94 / 11), "p2": (-0.1, 58 / 11)}


def five_points(convention, pools=tuple(PUBLISHED_POOLS), sigma=0.0, seed=0):
    """Five budgets on each pool of 12.8M, with the published parameters of DataComp medium."""
    seen = np.array([10e6, 32e6, 64e6, 128e6, 640e6])
    parts = []
    for name in pools:
        b, tau = PUBLISHED_POOLS[name]
        error = UtilityLaw(0.025, b, tau, 0.1, convention).error(seen, 12.8e6)
        columns = {"pool": name, "unique_samples": 12.8e6, "samples_seen": seen, "error": error}
        parts.append(pd.DataFrame(columns))
    table = pd.concat(parts, ignore_index=True)
    noise = sigma * np.random.default_rng(seed).standard_normal(len(table))
    return table.assign(error=table["error"] + noise)
