"""The Gibbs student: exact identities, limits, published constants and sampled version spaces."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr, ndtr, ndtri

import prunelaw
from prunelaw.keep import Band, as_rule
from prunelaw.students import gibbs as information
from prunelaw.students import gibbs_averages
from prunelaw.students.gibbs import gibbs, learning_constant, one_window, published_information
from prunelaw.students.gibbs_averages import averages

log_alpha = st.floats(-3, 6)
log_f = st.floats(-3, 0)
rules = st.sampled_from(["hard", "easy", "random"])


def mills(x):
    return mp.npdf(x) / mp.ncdf(x)


@pytest.mark.parametrize("u", [-1e4, -50.0, -3.1, -2.9, 0.0, 2.0, 8.0])
def test_inverse_mills_ratio(u):
    r, rest = gibbs_averages.inverse_mills(np.array([u]))
    with mp.workdps(40):
        exact = mills(mp.mpf(u)) if u > -1e3 else -u / (1 - mp.mpf(u) ** -2 + 3 * mp.mpf(u) ** -4)
        assert float(r[0]) == pytest.approx(float(exact), rel=1e-14)
        assert float(rest[0]) == pytest.approx(float(exact + u), rel=1e-13 if u > -1e3 else 1e-7)


def panels(cuts, order=40):
    """Gauss-Legendre nodes and weights of this file, on the panels between sorted cuts."""
    x, w = np.polynomial.legendre.leggauss(order)
    half, middle = np.diff(cuts)[:, None] / 2, (cuts[1:] + cuts[:-1])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


@pytest.mark.parametrize(
    "A, B, low, high",
    [(0.8, 0.6, 0.0, 0.4), (3.0, 0.9, 0.5, np.inf), (40.0, 1.0, 0.0, np.inf), (0.1, 5.0, 0.2, 0.3)],
)
def test_averages_against_a_double_integral(A, B, low, high):
    """In the variables (x, t) of the definition; the module integrates over (u, t)."""
    kept = gibbs_averages.Windows(np.array([low]), np.array([high]), np.ones(1))
    got = averages(np.array([A]), np.array([B]), kept, gibbs_averages.Resolution(*information.FINE))
    top = min(high, 9.0)
    layers = [c * (1 + B) / A for c in (0.5, 1, 2, 4, 8, 16)]
    t, dt = panels(np.unique(np.clip([low, 1.0, 3.0, top, *layers], low, top)))
    x, dx = panels(np.linspace(-9, 9, 25))
    weight = 2 * np.outer(dt * np.exp(-t * t / 2), dx * np.exp(-x * x / 2)) / (2 * np.pi)
    u = A * t[:, None] + B * x
    r = np.exp(-u * u / 2 - log_ndtr(u)) / np.sqrt(2 * np.pi)
    k = r * (u + r)
    slope = r * (1 - k) - k * (u + r)
    expected = {
        "log_cdf": log_ndtr(u),
        "t_r": t[:, None] * r,
        "k": k,
        "tt_k": t[:, None] ** 2 * k,
        "tx_k": t[:, None] * x * k,
        "t_slope": t[:, None] * slope,
        "x_slope": x * slope,
    }
    for name, value in expected.items():
        assert getattr(got, name)[0] == pytest.approx((weight * value).sum(), rel=1e-11), name


@given(st.floats(-1, 1), st.floats(-0.7, 0.7), log_f, rules)
@settings(max_examples=20)
def test_jacobian_is_the_derivative(log_A, log_B, log_f, rule):
    f = np.array([10**log_f])
    load = information.Load(2 / f, one_window(as_rule(rule), f), f)
    at = lambda a, b: information.saddle_system(  # noqa: E731
        np.array([[a, b]]), load, gibbs_averages.Resolution(16, 64)
    )
    h = 1e-5
    columns = [(h, 0.0), (0.0, h)]
    numeric = [
        (at(log_A + a, log_B + b)[0] - at(log_A - a, log_B - b)[0])[0] / (2 * h) for a, b in columns
    ]
    jacobian = at(log_A, log_B)[1][0]
    np.testing.assert_allclose(jacobian, np.stack(numeric, axis=1), rtol=1e-7, atol=1e-7)


def entropy_surface(A, B, alpha, f, rule):
    """s as a function of A and B, written with q and R as in the header of the module."""
    one = np.array([1.0])
    mean = averages(
        A * one,
        B * one,
        one_window(as_rule(rule), f * one),
        gibbs_averages.Resolution(*information.FINE),
    )
    square = A * A + B * B
    q, R = square / (1 + square), A / np.sqrt(1 + square)
    return 0.5 * np.log(1 - q) + (q - R * R) / (2 * (1 - q)) + alpha * float(mean.log_cdf[0])


@pytest.mark.parametrize("alpha, f, rule", [(10.0, 0.2, "hard"), (6.0, 0.3, "easy")])
def test_entropy_is_stationary(alpha, f, rule):
    student = gibbs(alpha, f, rule)
    scale = np.sqrt(1 - student.q)
    A, B = student.R / scale, np.sqrt(student.q - student.R**2) / scale
    h = 1e-4
    for a, b in ((h, 0), (0, h)):
        ahead = entropy_surface(A + a, B + b, alpha, f, rule)
        behind = entropy_surface(A - a, B - b, alpha, f, rule)
        assert abs(ahead - behind) / (2 * h) < 1e-8
    assert entropy_surface(A, B, alpha, f, rule) == pytest.approx(float(student.entropy), rel=1e-12)


@given(st.floats(-1, 3), st.floats(-1, 0), rules)
@settings(max_examples=4)
def test_information_is_the_slope_of_the_entropy(log_alpha, log_f, rule):
    """Envelope theorem: the total derivative of s is its explicit derivative in α."""
    alpha, f, h = 10**log_alpha, 10**log_f, 1e-4
    behind, here, ahead = gibbs(alpha * np.array([1 - h, 1.0, 1 + h]), f, rule).entropy
    slope = (behind - ahead) / (2 * h * alpha * f)
    assert float(gibbs(alpha, f, rule).information) == pytest.approx(slope, rel=1e-5)
    assert behind > here > ahead


@given(log_alpha, log_f)
@settings(max_examples=3)
def test_unpruned_students_overlap_as_teacher_and_student(log_alpha, log_f):
    alpha, f = 10**log_alpha, 10**log_f
    student, forced = gibbs(alpha, f, "random"), gibbs(alpha, f, "random", equal_overlaps=True)
    assert float(student.q) == pytest.approx(float(student.R), rel=1e-12)
    assert float(student.error) == pytest.approx(float(forced.error), rel=1e-11)
    expected = np.arccos(np.sqrt(float(student.R))) / np.pi
    assert float(student.vote_error) == pytest.approx(expected, rel=1e-3 if alpha > 1e3 else 1e-8)
    assert float(student.information) == pytest.approx(float(forced.information), rel=1e-10)
    whole = gibbs(alpha, 1.0, "hard")
    assert float(gibbs(alpha, 1.0, "easy").error) == pytest.approx(float(whole.error), rel=1e-12)
    assert float(gibbs(alpha / f, f, "random").error) == pytest.approx(
        float(whole.error), rel=1e-12
    )


def test_pruned_students_do_not():
    """Values of this solver, kept as a record; `sampled` below confirms them to two digits."""
    hard, easy = gibbs(10.0, 0.2, ["hard", "easy"]).q, gibbs(10.0, 0.2, ["hard", "easy"]).R
    np.testing.assert_allclose(hard, [0.9509807954678, 0.4560658580553], rtol=1e-12)
    np.testing.assert_allclose(easy, [0.8864841284772, 0.6499897789655], rtol=1e-12)
    hard = gibbs(10.0, 0.2)
    forced = gibbs(10.0, 0.2, equal_overlaps=True)
    assert float(hard.information) == pytest.approx(1.20477541328, rel=1e-11)
    assert float(forced.R) == pytest.approx(0.228210427098, rel=1e-11)


@pytest.mark.parametrize("rule", ["hard", "easy"])
@pytest.mark.parametrize("f", [0.03, 0.3, 0.8])
def test_ratio_of_overlaps_without_data(rule, f):
    """α → 0: q/R → f/(E[w|t|] √(π/2)), one only if kept examples have the mean |t| of all."""
    gamma = prunelaw.threshold(rule, f)
    kept = np.exp(-(gamma**2) / 2) if rule == "easy" else -np.expm1(-(gamma**2) / 2)
    student = gibbs(1e-6 / f, f, rule)
    assert float(student.q / student.R) == pytest.approx(f / kept, rel=1e-5)


def test_keep_hard_returns_to_equal_overlaps_exponentially():
    students = gibbs([20.0, 30.0, 40.0, 60.0], 0.2)
    gap = (students.q - students.R) / (1 - students.R)
    assert (gap[:-1] > 50 * np.abs(gap[1:])).all()
    assert abs(gap[-1]) < 1e-11
    np.testing.assert_allclose(students.error[-1] * 60.0, learning_constant("gibbs"), rtol=1e-3)


def test_keep_easy_students_scatter_around_the_teacher():
    """q → R²: the version space turns symmetric about the teacher, and the vote becomes perfect."""
    students = gibbs([1e2, 1e4, 1e6], 0.2, "easy")
    assert (students.q < students.R).all()
    excess = students.q - students.R**2
    assert (excess[1:] < 0.2 * excess[:-1]).all() and excess[-1] < 1e-5
    assert students.vote_error[-1] < 0.01 * students.error[-1]


def test_constants_against_thirty_digits():
    with mp.workdps(30):
        c = mp.quad(lambda x: mp.npdf(x) * mills(x), [-25, -12, -5, 0, 5, 12, 25])
        gibbs_constant, bayes_constant = 1 / (c * mp.sqrt(mp.pi)), 1 / (c * mp.sqrt(2 * mp.pi))
        x = mp.findroot(lambda x: x**3 * mp.ncdf(x) + (x * x - 1) * mp.npdf(x), 0.8)
        margin_constant = 1 / (mp.sqrt(2 * mp.pi) * (x * mp.ncdf(x) + mp.npdf(x)))
    assert learning_constant("gibbs") == pytest.approx(float(gibbs_constant), rel=1e-14)
    assert learning_constant("bayes") == pytest.approx(float(bayes_constant), rel=1e-14)
    assert learning_constant("max_margin") == pytest.approx(float(margin_constant), rel=1e-14)
    assert learning_constant("gibbs") == pytest.approx(0.62465819213856, rel=1e-13)
    assert learning_constant("bayes") == pytest.approx(0.44170004358491, rel=1e-13)
    assert learning_constant("max_margin") == pytest.approx(0.50048893177742, rel=1e-13)


def extrapolated(error):
    """ε α at two loads ten times apart, with its 1/α² term removed."""
    near, far = error(1e4) * 1e4, error(1e5) * 1e5
    return far + (far - near) / 99


def test_constants_against_the_solved_students():
    for name, error in (
        ("gibbs", lambda alpha: float(gibbs(alpha, 1.0).error)),
        ("bayes", lambda alpha: float(gibbs(alpha, 1.0).vote_error)),
        ("max_margin", lambda alpha: float(prunelaw.solve(alpha, 1.0).error)),
    ):
        assert extrapolated(error) == pytest.approx(learning_constant(name), rel=1e-10), name


def test_random_data_give_one_over_alpha():
    student = gibbs(1e5, 1.0)
    assert float(student.information) * 1e5 == pytest.approx(1.0, abs=1e-9)
    c = 1 / (learning_constant("gibbs") * np.sqrt(np.pi))
    R = 1 - 1e-8
    expected = c * np.sqrt(2 * (1 - R) / np.pi)
    assert float(published_information(R, 1.0)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("R, f", [(0.3, 0.2), (0.9, 0.05), (0.999, 0.5)])
def test_published_formula_as_printed(R, f):
    gamma = float(prunelaw.threshold("hard", f))
    tail = lambda x: mp.ncdf(-x)  # noqa: E731
    a, root = mp.sqrt(R / (1 - mp.mpf(R))), mp.sqrt(1 - mp.mpf(R))

    def integrand(t):
        window = tail(a * t) - tail((gamma + mp.sqrt(R) * t) / root)
        return mp.npdf(t) * window * mp.log(tail(a * t))

    cuts = [-12, *(k / float(a) for k in (-8, -3, 0, 3, 8)), 12]
    expected = -2 / mp.mpf(f) * mp.quad(integrand, sorted(c for c in cuts if abs(c) <= 12))
    assert float(published_information(R, f)) == pytest.approx(float(expected), rel=1e-10)


def test_one_nat_in_the_published_limit():
    """f → 0 first, then R → 1; log 2 at R → 0; zero if R → 1 comes first."""
    assert float(published_information(1e-9, 1e-6)) == pytest.approx(np.log(2), abs=1e-4)
    values = published_information([0.9, 0.99, 0.999, 0.9999], 1e-7)
    assert (np.diff(values) > 0).all() and (values < 1).all()
    assert float(values[-1]) == pytest.approx(1.0, abs=2e-4)
    assert float(published_information(1 - 1e-9, 1e-3)) < 0.03


def test_information_is_not_bounded_by_one_nat():
    """With q ≠ R, near the capacity α_prune = 2, one kept example tells more."""
    at_capacity = gibbs([2e1, 2e2, 2e3], [1e-1, 1e-2, 1e-3])
    assert at_capacity.information[0] > 2
    growth = np.diff(np.log10(at_capacity.information))
    np.testing.assert_allclose(growth, 0.83, atol=0.01)
    assert np.diff(at_capacity.error).max() < 0


@pytest.mark.parametrize("rule", ["hard", "easy", "random"])
def test_random_points_of_the_domain(rule):
    rng = np.random.default_rng(20)
    alpha, f = 10 ** rng.uniform(-3, 6, 32), 10 ** rng.uniform(-3, 0, 32)
    student = gibbs(alpha, f, rule, throw=False)
    assert student.converged.all()
    assert (student.q * (1 + 1e-12) > student.R**2).all() and (student.q < 1).all()
    assert (student.error >= student.vote_error).all()
    assert (student.entropy < 0).all() and (student.information > 0).all()


def sampled(alpha_tot, f, rule, dimension, data_sets, sweeps):
    """(R, q) by coordinate-wise Gibbs sampling of N(0, I) restricted to the version space.

    Examples are folded to label +1 and the teacher is the first axis.  Two chains per data set
    start at the teacher; the first third is dropped.
    """
    rng = np.random.default_rng(7)
    kept = one_window(as_rule(rule), np.array([f]))
    low, high = ndtr(kept.low), ndtr(kept.high)
    shape = (data_sets, round(alpha_tot * f * dimension))
    x = rng.standard_normal((dimension, *shape))
    x[0] = ndtri(low + (high - low) * rng.random(shape))
    student = np.zeros((dimension, 2, data_sets))
    student[0] = np.sqrt(dimension)
    field = student[0][..., None] * x[0]
    overlaps = []
    for sweep in range(sweeps):
        for j in range(dimension):
            field -= student[j][..., None] * x[j]
            bound = -field / x[j]
            least = np.where(x[j] > 0, bound, -np.inf).max(axis=-1)
            most = np.where(x[j] < 0, bound, np.inf).min(axis=-1)
            side = np.where(least > 0, -1.0, 1.0)  # draw in the lower tail
            left, right = np.where(side > 0, least, -most), np.where(side > 0, most, -least)
            share = ndtr(left) + (ndtr(right) - ndtr(left)) * rng.random(left.shape)
            student[j] = side * np.clip(ndtri(share), left, right)
            field += student[j][..., None] * x[j]
        if 3 * sweep >= sweeps:
            unit = student / np.linalg.norm(student, axis=0)
            overlaps.append((unit[0].mean(), (unit[:, 0] * unit[:, 1]).sum(axis=0).mean()))
    return np.mean(overlaps, axis=0)


@pytest.mark.parametrize(
    "alpha_tot, f, rule", [(3.0, 0.5, "hard"), (6.0, 0.3, "easy"), (2.0, 1.0, "random")]
)
def test_sampled_version_spaces(alpha_tot, f, rule):
    """N = 24 is within .03 of N → ∞; hard and easy have q and R more than .1 apart."""
    student = gibbs(alpha_tot, f, rule)
    R, q = sampled(alpha_tot, f, rule, dimension=24, data_sets=60, sweeps=100)
    assert pytest.approx(float(student.R), abs=0.03) == R
    assert pytest.approx(float(student.q), abs=0.03) == q
    assert rule == "random" or abs(student.q - student.R) > 0.1


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha_tot": 0.0}, r"alpha_tot must be finite and in \(0, inf\), got 0.0"),
        ({"f": [0.5, 1.5]}, r"f must be finite and in \(0, 1\], got 1.5 at index 1"),
        ({"rule": "hardest"}, "got 'hardest'"),
        ({"rule": "mix:0.5,hard"}, "one window of .* got mix:0.5,hard"),
        ({"rule": "band:0.1,0.2"}, "f must be 0.0"),
        ({"alpha_tot": [1.0, 2.0], "f": [0.1, 0.2, 0.3]}, "broadcast to one shape"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(prunelaw.InputError, match=message):
        gibbs(**({"alpha_tot": 3.0, "f": 0.5} | arguments))


def test_other_bad_input_is_named():
    with pytest.raises(prunelaw.InputError, match=r"R must be finite and in \(0, 1\), got 1.0"):
        published_information(1.0, 0.5)
    with pytest.raises(prunelaw.InputError, match="student must be one of gibbs, bayes"):
        learning_constant("hebb")


def test_bands_contain_the_other_rules():
    gamma = float(prunelaw.threshold("hard", 0.3))
    band, hard = gibbs(8.0, rule=f"band:0,{gamma}"), gibbs(8.0, 0.3, "hard")
    assert float(band.error) == pytest.approx(float(hard.error), rel=1e-9)
    gamma = float(prunelaw.threshold("easy", 0.3))
    band, easy = gibbs(8.0, rule=Band(gamma, np.inf)), gibbs(8.0, 0.3, "easy")
    assert float(band.error) == pytest.approx(float(easy.error), rel=1e-9)
    middle = gibbs([1.0, 10.0, 1e3], rule="band:0.3,0.9")
    assert middle.converged.all() and (np.diff(middle.error) < 0).all()


def test_arrays_broadcast():
    grid = gibbs([[3.0], [10.0]], 0.5, ["hard", "easy", "random"])
    assert grid.error.shape == (2, 3)
    assert float(grid.error[1, 1]) == pytest.approx(
        float(gibbs(10.0, 0.5, "easy").error), rel=1e-13
    )
    assert gibbs(np.ones(0), 0.5).error.shape == (0,)


def test_absurd_loads_are_flagged(monkeypatch):
    monkeypatch.setattr(information, "STAGES", (8,))
    student = gibbs([10.0, 1e300], 0.5, throw=False)
    assert student.converged.tolist() == [True, False]
    assert np.isnan(student.error[1]) and np.isfinite(student.error[0])


def test_failures_are_flagged_or_raised(monkeypatch):
    monkeypatch.setattr(information, "AGREEMENT", 0.0)
    monkeypatch.setattr(information, "STAGES", (4,))
    flagged = gibbs([3.0, 5.0], 0.5, throw=False)
    assert not flagged.converged.any() and np.isnan(flagged.information).all()
    with pytest.raises(prunelaw.ConvergenceError, match=r"2 of 2 points .* alpha_tot=3\.0"):
        gibbs([3.0, 5.0], 0.5)
