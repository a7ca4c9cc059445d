"""The active set: exact from a support that is nearly right, honest from one that is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.students.active_set import MAX_STEPS, REGULAR, Face, no_face, solve_faces
from prunelaw_sim.students.hard_margin import max_margin
from prunelaw_sim.students.interior_point import GAP_TARGET
from prunelaw_sim.students.one_student import quick_student

TARGET = 1e-10


def assert_exact(face: Face) -> None:
    """G + REGULAR on its diagonal leaves margins of 1 - REGULAR lambda, and rounding."""
    assert face.gap <= TARGET
    assert face.gap <= 4 * REGULAR * face.weights.max() + 1e-13


def solved(X: np.ndarray, support: np.ndarray, weights: np.ndarray) -> Face:
    """Faces of the rows of X (scaled to norm 1 on average) from a support and its weights."""
    scale = np.sqrt(np.mean(np.sum(X**2, axis=1)))
    everywhere = np.ones(len(X), bool)
    with jax.enable_x64(True):
        rows, *rest = (jnp.asarray(a) for a in (X.T / scale, everywhere, support, weights))
        return jax.tree.map(np.asarray, jax.jit(solve_faces, static_argnums=4)(rows, *rest, TARGET))


def student(alpha_tot: float, f: float, dim: int, trial: int) -> tuple[np.ndarray, ...]:
    """Rows, their support vectors and the weights at which the margin is 1 for rows of norm 1."""
    X = draw_kept(alpha_tot, f, 0.3, dim=dim, trial=trial)
    found = max_margin(X)
    scale = np.sqrt(np.mean(np.sum(X**2, axis=1)))
    weights = found.weights * (scale / float(found.kappa)) ** 2
    return X, found.weights > 1e-4 * found.weights.max(), weights


def angle(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.linalg.norm(one / np.linalg.norm(one) - two / np.linalg.norm(two)))


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 3))
def test_a_nearly_right_support_gives_the_student_to_rounding(trial, missing, spare):
    """The lightest support vectors left out and the rows nearest to the margin in, at K = 2 N."""
    X, support, weights = student(4, 0.5, 40, trial)
    above = np.where(support, np.inf, X @ max_margin(X).J)
    guess = support.copy()
    guess[np.argsort(np.where(support, weights, np.inf))[:missing]] = False
    guess[np.argsort(above)[:spare]] = True
    face = solved(X, guess, np.maximum(weights, 1e-3 * weights.max()))
    assert_exact(face)
    assert angle(face.w, max_margin(X).J) < 5e-5  # 2 sqrt(gap) of the reference
    assert (face.support == (face.weights > 0)).all()
    hull_point = X.T @ face.weights
    assert angle(face.w, hull_point) < 1e-12


def test_a_full_support_trades_a_row():
    """N = 20, K = 400: N support vectors, one of them replaced by a row that carries no weight."""
    X, support, weights = student(40, 0.5, 20, 0)
    assert support.sum() == 20
    margins = X @ max_margin(X).J
    guess = support.copy()
    guess[np.flatnonzero(support)[np.argmin(weights[support])]] = False
    guess[np.argmin(np.where(support, np.inf, margins))] = True
    face = solved(X, guess, np.maximum(weights, 1e-3 * weights.max()))
    assert_exact(face)
    assert face.steps > 1
    assert (face.support == support).all()


def test_a_row_may_be_in_the_support_twice():
    X, support, weights = student(4, 0.5, 40, 1)
    twice = np.concatenate([X, X[support][:5]])
    both = np.concatenate([support, np.ones(5, bool)])
    face = solved(twice, both, np.concatenate([weights, weights[support][:5]]))
    assert_exact(face)
    assert angle(face.w, max_margin(X).J) < 5e-5


@pytest.mark.parametrize("start", ["nothing", "the wrong rows", "contradictory rows"])
def test_a_hopeless_start_ends_without_a_proof(start):
    """Few steps, finite numbers, and a gap that tells; the interior point goes on from there."""
    X, support, weights = student(40, 0.5, 20, 2)
    guess = {"nothing": 0 * support, "the wrong rows": ~support}.get(start, support).astype(bool)
    if start == "contradictory rows":
        X = np.concatenate([X, -X])
        guess, weights = np.tile(guess, 2), np.tile(weights, 2)
    if start == "the wrong rows":
        guess &= np.cumsum(guess) <= 20
    face = solved(X, guess, weights)
    assert face.steps <= MAX_STEPS
    assert np.isfinite(face.gap) and face.gap > TARGET


@pytest.mark.exhaustive  # compiles two trainers
def test_the_interior_point_goes_on_where_no_support_is_found(monkeypatch):
    """An active set that never proves anything costs steps, not the certificate."""
    monkeypatch.setattr("prunelaw_sim.students.one_student.SMALL", 0)
    X = draw_kept(4, 0.5, 0.3, dim=40)
    mask = jnp.ones(len(X), bool)

    def certificate() -> tuple[float, int]:
        with jax.enable_x64(True):
            rows = jnp.asarray(X.T)
            _, lowest, upper, _, steps, _ = jax.jit(lambda r, m: quick_student(r, m))(rows, mask)
        return 1 - (float(lowest) / float(upper)) ** 2, int(steps)

    gap, steps = certificate()
    assert abs(gap) < 1e-12  # the active set's
    monkeypatch.setattr(
        "prunelaw_sim.students.one_student.solve_faces", lambda rows, *_: no_face(rows)
    )
    alone, more = certificate()
    assert 1e-12 < alone <= GAP_TARGET
    assert more > steps
