"""Phase diagrams: the same numbers as single solves, the labels, resuming, and bad grids."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import prunelaw
from prunelaw.pruning.phase import phase_diagram

X = ("alpha_tot", [3.0, 30.0, 300.0])
Y = ("f", [0.2, 0.6])


@pytest.fixture(scope="module")
def plane():
    return phase_diagram(X, Y, theta=0.5)


def test_errors_are_those_of_solve(plane):
    assert plane.error["hard"].shape == (2, 3) and plane.converged.all()
    for rule in ("hard", "easy", "random"):
        exact = prunelaw.solve(plane.x, plane.y[:, None], 0.5, rule).error
        np.testing.assert_allclose(plane.error[rule], exact, rtol=1e-11)


def test_best_rules_and_gain(plane):
    """θ = .5: easy wins at few examples, hard at many, and between them a band."""
    names = np.array(plane.rules)[plane.best]
    assert names[0].tolist() == ["easy", "band", "hard"]
    assert plane.error["band"][0, 1] == pytest.approx(0.0513760417, rel=1e-8)
    assert plane.band_low[0, 1] == pytest.approx(0.180254, abs=1e-5)
    assert plane.gain[0, 1] == pytest.approx(1 - 0.0513760417 / plane.error["random"][0, 1])


def test_a_rule_that_failed_leaves_no_label(plane):
    from dataclasses import replace

    converged = plane.converged.copy()
    converged[1, 1] = False
    assert replace(plane, converged=converged).best[1, 1] == -1


def test_an_executor_changes_nothing(plane, monkeypatch):
    """Blocks of two points, solved in any order, land where they belong."""
    monkeypatch.setattr("prunelaw.pruning.phase.BLOCK", 2)
    with ThreadPoolExecutor(3) as executor:
        shared = phase_diagram(X, Y, theta=0.5, executor=executor)
    for rule, error in plane.error.items():
        np.testing.assert_allclose(shared.error[rule], error, rtol=1e-9)


def test_the_flat_region_of_a_perfect_probe_is_solved():
    """θ = 0 and α_prune well above 2: the best band gains less than 1e-3, and is found."""
    shape = ("alpha_tot", np.geomspace(20.0, 500.0, 12)), ("f", np.geomspace(0.1, 0.9, 12))
    diagram = phase_diagram(*shape, theta=0.0, rules=("hard", "band"))
    assert diagram.converged.all()
    gain = 1.0 - diagram.error["band"] / diagram.error["hard"]
    assert (gain > -1e-9).all() and (gain[:, diagram.x > 100.0] < 1e-3).all()


def test_an_interrupted_run_goes_on(monkeypatch):
    """Blocks of two points; stopped after the first, resumed, and nothing solved twice."""
    monkeypatch.setattr("prunelaw.pruning.phase.BLOCK", 2)
    saved = []

    class Stop(Exception):
        pass

    def stop(state):
        saved.append(dict(state))
        raise Stop

    rules = ("hard", "random")
    with pytest.raises(Stop):
        phase_diagram(X, Y, theta=0.5, rules=rules, save=stop)
    counts: list[int] = []
    resumed = phase_diagram(
        X,
        Y,
        theta=0.5,
        rules=rules,
        done=saved[0],
        progress=lambda done, total: counts.append(done),
    )
    assert counts == [4, 6]
    whole = phase_diagram(X, Y, theta=0.5, rules=rules)
    np.testing.assert_allclose(resumed.error["hard"], whole.error["hard"], rtol=1e-11)
    with pytest.raises(prunelaw.InputError, match="done must come from the same grid"):
        phase_diagram(X, Y, theta=0.4, rules=rules, done=saved[0])


def test_equal_kept_size_against_the_probe():
    """α_prune = 2 at θ = 0, f → 0: keep-hard is useless below and nearly exact above."""
    plane = phase_diagram(
        ("alpha_prune", [1.5, 3.0]), ("theta", [0.0, 0.4]), f=0.01, rules=("hard", "random")
    )
    below, above = plane.error["hard"][0]
    assert below > 0.4 and above < 0.01
    assert plane.fixed == {"f": 0.01} and (plane.gain[0] > [-0.1, 0.9]).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((("alpha_tot", [3.0]), Y, {"theta": 0.5}), "alpha_tot must hold at least two values"),
        ((("alpha_tot", [3.0, 1.0]), Y, {"theta": 0.5}), "alpha_tot must ascend"),
        ((X, ("f", [0.2, 1.0]), {"theta": 0.5}), r"f must be finite and in \(0, 1\)"),
        ((X, Y, {}), "theta must be given"),
        ((X, Y, {"theta": 0.5, "f": 0.2}), "f is an axis of this plane"),
        ((Y, X, {"theta": 0.5}), "axes must be one of"),
        ((X, Y, {"theta": 0.5, "rules": ("best",)}), "rules must be one of hard, easy"),
        ((X, Y, {"theta": 0.5, "rules": ()}), "at least one rule"),
    ],
)
def test_bad_grids_are_named(arguments, message):
    x, y, options = arguments
    with pytest.raises(prunelaw.InputError, match=message):
        phase_diagram(x, y, **options)


def test_gain_needs_random_keeping():
    plane = phase_diagram(X, Y, theta=0.5, rules=("hard",))
    with pytest.raises(prunelaw.InputError, match="gain needs the rule random"):
        _ = plane.gain
