"""The interactive page in a real browser: moved, read and compared with Python.  Nothing is asked
of any network, and no script fails.

Needs `playwright` (extra `browser`) and Chromium: on the path as `chromium`, or named by the
environment variable CHROMIUM.
"""

import csv
import os
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid
from scipy.stats import multivariate_normal, norm

import prunelaw
from prunelaw.decay.filtering import best_filter, switch_points
from prunelaw.decay.utility import PUBLISHED, Pool, UtilityLaw, with_convention
from prunelaw_figures.demo.build import build_page
from prunelaw_figures.demo.tables import read_tables

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
# A browser that talks to nobody, not even for itself.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PLACES = [
    (3.0, 0.5, 0.0, "hard"), (3.0, 0.5, 0.3, "easy"), (30.0, 0.2, 0.5, "hard"),
    (110.0, 0.02, 0.0, "hard"), (160.0, 0.04, 0.115, "hard"), (800.0, 0.3, 0.35, "easy"),
    (0.1, 0.02, 1.4, "easy"), (1000.0, 1.0, 0.7, "hard"), (50.0, 0.1, 0.2, "random"),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: `apt-get install chromium`, or its path in CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Demo:
    """The page in a tab of its own, with what a test does to it."""

    def __init__(self, browser, address):
        self.page = browser.new_page()
        self.troubles, self.requests, self.address = [], [], address
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.route("**/*", self.watch)

    def watch(self, route):
        if route.request.url.startswith(self.address):
            route.continue_()
        elif not route.request.url.startswith("data:"):
            self.requests.append(route.request.url)
            route.abort()

    def open(self, hash=""):
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}{hash}")
        self.page.wait_for_selector("html[data-ready=yes]")

    def to(self, **values):
        """Goes to a view as somebody does who was sent its address."""
        text = "&".join(f"{name}={value}" for name, value in values.items())
        self.page.evaluate(
            "hash => new Promise(done => {"
            "  if (location.hash === hash) return done();"
            "  addEventListener('hashchange', () => setTimeout(done), {once: true});"
            "  location.hash = hash; })",
            f"#{text}",
        )

    def value(self, name):
        return float(self.text(name))

    def text(self, name):
        return self.page.get_attribute(f"dd[data-id={name}]", "data-value")

    def saved(self, figure, kind):
        with self.page.expect_download() as download:
            self.page.click(f"#{figure} button[data-save={kind}]")
        return download.value.path().read_text(encoding="utf-8")

    def hash(self):
        """The address, once the page has written it."""
        self.page.wait_for_timeout(200)
        return self.page.evaluate("location.hash")


@pytest.fixture(scope="module")
def tab(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    path.write_bytes(build_page())
    return Demo(browser, path.as_uri())


@pytest.fixture
def demo(tab):
    """The page as first opened; at the end nothing may have gone wrong or been asked for."""
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    tab.open()
    yield tab
    assert tab.troubles == [] and tab.requests == []


def test_values_are_those_of_the_solver(demo):
    for alpha, f, theta, rule in PLACES:
        demo.to(alpha=alpha, f=f, theta=theta, rule=rule)
        exact = prunelaw.solve(alpha, f, theta, rule)
        assert demo.value("error") == pytest.approx(float(exact.error), rel=1e-3)
        assert demo.value("kappa") == pytest.approx(float(exact.kappa), rel=5e-3)
        assert demo.value("R") == pytest.approx(float(exact.R), abs=1e-3)
        assert demo.value("rho") == pytest.approx(float(exact.rho), abs=4e-3)
        assert demo.value("alpha_prune") == pytest.approx(alpha * f, rel=1e-12)


def test_sliders_by_keyboard_and_field(demo):
    demo.page.focus("#alpha-slider")
    for _ in range(3):
        demo.page.keyboard.press("PageUp")
    demo.page.focus("#theta-slider")
    demo.page.keyboard.press("Home")
    demo.page.fill("#f", "0.25")
    demo.page.press("#f", "Tab")
    demo.page.check("input[value=easy]")
    alpha, theta = (float(demo.page.input_value(f"#{name}")) for name in ("alpha", "theta"))
    assert alpha > 100.0 and theta == 0.0
    exact = prunelaw.solve(alpha, 0.25, 0.0, "easy").error
    assert demo.value("error") == pytest.approx(float(exact), rel=1e-3)
    demo.page.fill("#alpha", "-3")
    demo.page.press("#alpha", "Tab")
    assert demo.page.get_attribute("#alpha", "aria-invalid") == "true"
    assert demo.value("alpha_prune") == pytest.approx(0.25 * alpha)


def test_curves_are_the_tables_and_downloads_hold_them(demo):
    demo.to(alpha=20, f=0.2, theta=0.4, rule="hard")
    columns, *rows = csv.reader(demo.saved("error-f", "csv").splitlines())
    assert columns == ["f", "alpha_tot", "error_hard", "error_easy", "error_random", "error_band"]
    values = np.array(rows, float)
    f = values[:-1, 0]  # at f = 1 every rule is random
    for k, rule in enumerate(("hard", "easy", "random", "band"), start=2):
        here = np.minimum(f, 0.995) if rule == "band" else f
        expected = read_tables().error(rule, 20.0, here, 0.4)
        np.testing.assert_allclose(values[:-1, k], expected, rtol=1e-10)
    best = values[np.argmin(values[:, 2])]
    assert demo.value("best_f") == pytest.approx(best[0], rel=0.04)
    assert best[2] * 0.999 < demo.value("best_error") <= best[2]
    for figure in ("error-f", "error-alpha", "phases", "plane", "margins"):
        picture = ET.fromstring(demo.saved(figure, "svg"))
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(list(picture.iter("{http://www.w3.org/2000/svg}path"))) > 3


def test_alpha_prune_can_be_held_while_f_changes(demo):
    """Known best fractions for α_prune = 8: .15 at 10°, .3 at 20°, .4 at 30°."""
    for theta, best in ((10, 0.15), (20, 0.3), (30, 0.4)):
        demo.to(alpha=8, f=1, theta=np.radians(theta), hold="kept")
        assert demo.value("best_f") == pytest.approx(best, abs=0.04)
    for corner in ({"alpha": 0.1, "f": 0.02}, {"alpha": 1000, "f": 1}, {"alpha": 0.3, "f": 0.5}):
        demo.to(**corner, theta=0.1, hold="kept", rule="easy")
        _, *rows = csv.reader(demo.saved("error-f", "csv").splitlines())
        alpha, error = np.array(rows, float)[:, [1, 3]].T
        assert np.isfinite(error).all() and np.isfinite(demo.value("best_error"))
        assert (alpha >= 0.1 * (1 - 1e-9)).all() and (alpha <= 1000 * (1 + 1e-9)).all()
    demo.to(alpha=8, f=1, theta=0.3, hold="kept")
    demo.page.fill("#f", "0.25")
    demo.page.press("#f", "Tab")
    assert float(demo.page.input_value("#alpha")) == 32.0
    assert demo.value("alpha_prune") == 8.0
    demo.page.check("input[name=hold][value=total]")
    demo.page.fill("#f", "0.5")
    demo.page.press("#f", "Tab")
    assert demo.value("alpha_prune") == 16.0


def kept_mass_below(level, exact, rule):
    """P(y J·x < level) of kept examples, from the trivariate normal of (t, z, j), by SciPy."""
    R, rho, c, f = float(exact.R), float(exact.rho), np.cos(float(exact.theta)), float(exact.f)
    edge = float(prunelaw.threshold(rule, np.array([f]))[0])
    low, high = (0.0, edge) if rule == "hard" else (edge, 9.0)
    spread = np.sqrt(1 - c * c), np.sqrt(1 - rho * rho)
    cross = (R - rho * c) / (spread[0] * spread[1])
    both = multivariate_normal(cov=[[1.0, -cross], [-cross, 1.0]])

    def inside(z):
        """P(t > 0, j < level | z) for z and −z; by symmetry (t < 0, −j < level) gives the same."""
        ends = np.array([[c * s / spread[0], (level - rho * s) / spread[1]] for s in (z, -z)])
        return norm.pdf(z) * both.cdf(ends).sum()

    return 2.0 * quad(inside, low, high, epsabs=1e-6)[0] / f


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_margins(demo, rule):
    demo.to(alpha=3, f=0.5, theta=0.3, rule=rule)
    exact = prunelaw.solve(3.0, 0.5, 0.3, rule)
    below = kept_mass_below(float(exact.kappa), exact, rule)
    assert demo.value("support") == pytest.approx(below, rel=2e-3)
    _, *rows = csv.reader(demo.saved("margins", "csv").splitlines())
    m, new, kept, after = np.array(rows, float).T
    whole = kept_mass_below(m[-1], exact, rule) - kept_mass_below(m[0], exact, rule)
    assert trapezoid(kept, m) == pytest.approx(whole, abs=2e-3)
    np.testing.assert_array_equal(after, np.where(m < demo.value("kappa"), 0.0, kept))
    # New examples: P(y J·x < 0) is the test error, but for what lies left of the frame.
    wrong = trapezoid(np.where(m < 0.0, new, 0.0), m)
    assert wrong == pytest.approx(demo.value("error"), abs=0.03)


def test_the_movable_point(demo):
    demo.to(alpha=10, f=0.2, theta=0.3, rule="hard")
    demo.page.focus("#handle")
    demo.page.keyboard.press("ArrowRight")
    demo.page.keyboard.press("ArrowDown")
    alpha, f = (float(demo.page.input_value(f"#{name}")) for name in ("alpha", "f"))
    assert alpha > 10.0 and f < 0.2
    exact = prunelaw.solve(alpha, f, 0.3, "hard").error
    assert demo.value("error") == pytest.approx(float(exact), rel=1e-3)
    box = demo.page.locator("#phases svg").bounding_box()
    demo.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    demo.page.mouse.down()
    demo.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.2 * box["height"])
    demo.page.mouse.up()
    assert float(demo.page.input_value("#alpha")) > 300.0
    assert float(demo.page.input_value("#f")) > 0.4


def test_the_phase_diagram_agrees_with_the_solver(demo):
    demo.to(alpha=10, f=0.2, theta=0.3, rule="hard")
    _, *rows = csv.reader(demo.saved("phases", "csv").splitlines())
    chosen = rows[:: len(rows) // 40]
    alpha, f = np.array([row[:2] for row in chosen], float).T
    errors = {
        rule: prunelaw.solve(alpha, f, 0.3, rule).error for rule in ("hard", "easy", "random")
    }
    least = np.min(list(errors.values()), axis=0)
    for i, (*_, rule) in enumerate(chosen):
        if rule != "band":
            assert errors[rule][i] <= least[i] * 1.002
        else:
            assert read_tables().error("band", alpha[i], f[i], 0.3)[0] < 0.99 * least[i] * 1.002
    assert {"hard", "easy", "band"} <= {row[2] for row in rows}


@pytest.mark.parametrize(
    ("preset", "pools"),
    [
        ("utility", PUBLISHED["utility"]),
        ("paper", with_convention(PUBLISHED["utility"], "paper")),
        ("effective", PUBLISHED["effective_data"]),
    ],
)
def test_utility_decay_is_the_law_of_the_package(demo, preset, pools):
    demo.to(tab="decay", preset=preset, seen=640e6)
    choice = best_filter(pools, 640e6)
    assert demo.value("n_pools") == int(choice.n_pools)
    assert demo.value("decay_error") == pytest.approx(float(choice.error), rel=1e-12)
    for i, switch in enumerate(switch_points(pools, 5e6, 1e10), start=1):
        assert demo.value(f"switch{i}") == pytest.approx(switch.samples_seen, rel=1e-9)


def test_pools_can_be_edited(demo):
    demo.to(tab="decay")
    demo.page.fill("[aria-label='samples of pool 1']", "3M")
    demo.page.fill("[aria-label='half-life of pool 2 in epochs']", "30")
    demo.page.click("[aria-label='Remove pool 4']")
    numbers = [(3e6, -0.16, 74 / 11), (12.8e6, -0.125, 30.0), (12.8e6, -0.1, 58 / 11)]
    pools = [
        Pool(f"{i}", size, UtilityLaw(0.025, b, tau, 0.1, "official_code"))
        for i, (size, b, tau) in enumerate(numbers)
    ]
    demo.page.fill("#seen", "90M")
    demo.page.press("#seen", "Tab")
    assert demo.value("decay_error") == pytest.approx(
        float(best_filter(pools, 90e6).error), rel=1e-12
    )
    places = [switch.samples_seen for switch in switch_points(pools, 5e6, 1e10)]
    found = [demo.value(f"switch{i}") for i in range(1, len(places) + 1)]
    assert found == pytest.approx(places, rel=1e-9)
    demo.page.fill("[aria-label='utility of pool 1']", "0.3")
    demo.page.press("[aria-label='utility of pool 1']", "Tab")
    assert "Pool 1: b must be" in demo.page.inner_text("#pool-trouble")
    hash = demo.hash()
    error = demo.value("decay_error")
    demo.open(hash)
    assert demo.value("decay_error") == error


def test_the_address_holds_the_view(demo):
    demo.page.fill("#alpha", "42")
    demo.page.press("#alpha", "Tab")
    demo.page.check("input[value=random]")
    hash, error = demo.hash(), demo.value("error")
    assert "alpha=42" in hash and "rule=random" in hash
    demo.open(hash)
    assert demo.value("error") == error
    demo.open("#alpha=nonsense&f=7&rule=none&tab=nothing&preset=own&pools=x")
    assert demo.page.input_value("#alpha") == "8" and demo.page.input_value("#f") == "1"


def test_class_exercise(demo):
    demo.page.focus("#tab-pruning")
    demo.page.keyboard.press("ArrowLeft")  # the tabs go round
    assert demo.page.get_attribute("#tab-class", "aria-selected") == "true"
    hard, easy = (
        lambda a, rule=rule: float(prunelaw.solve(a, 0.2, 0.0, rule).error)
        for rule in ("hard", "easy")
    )
    assert hard(10.0) > easy(10.0) and hard(10.6) < easy(10.6)
    answers = {1: 10.3, 2: 2.0, 4: 0.3, 5: 0.5005, 6: "100M"}
    for task, answer in answers.items():
        demo.page.fill(f"[name=found{task}]", str(answer))
        demo.page.click(f"[data-do=check][data-task='{task}']")
        assert demo.page.inner_text(f"#verdict{task}").startswith("Right"), task
    demo.page.fill("[name=found3]", "0.9")
    demo.page.press("[name=found3]", "Enter")
    assert demo.page.inner_text("#verdict3") == "Not yet: too high."
    demo.open(demo.hash())
    assert demo.page.inner_text("#score") == "5 of 6 found."
    at_limit = prunelaw.solve(100.0, 0.094, 0.3, ["hard", "random"]).error
    assert at_limit[0] == pytest.approx(at_limit[1], rel=0.02)
    demo.page.fill("[name=found3]", "0.094")
    demo.page.press("[name=found3]", "Enter")
    assert demo.page.inner_text("#score") == "6 of 6 found."
    demo.page.click("[data-do=go][data-task='2']")
    assert demo.value("error") == pytest.approx(
        float(prunelaw.solve(50.0, 0.02, 0.0).error), rel=1e-3
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(demo, scheme):
    demo.page.emulate_media(color_scheme=scheme)
    demo.page.set_viewport_size({"width": 360, "height": 740})
    for tab in ("pruning", "decay", "class"):
        demo.open(f"#tab={tab}")
        assert demo.page.evaluate("document.documentElement.dataset.theme") == scheme
        assert demo.page.evaluate("document.documentElement.scrollWidth") <= 360
