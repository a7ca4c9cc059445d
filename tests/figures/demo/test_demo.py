"""The interactive page without a browser: its bytes, and its tables against the solver."""

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

import prunelaw
from prunelaw_figures.demo import build, cells, make_tables, tables
from prunelaw_figures.demo.cells import EMPTY, LEAF, Cells, Frame, fit

DEMO = Path(build.__file__).parent
PLACES = 120  # random places a rule; the numbers of tables.json come from 20,000


class TestPage:
    def test_building_twice_gives_the_same_bytes(self):
        first = build.build_page()
        build._text.cache_clear()
        assert build.build_page() == first

    def test_small_enough_to_send(self):
        assert len(build.build_page()) < 420_000

    def test_nothing_is_loaded_from_anywhere(self):
        page = build.build_page().decode()
        addresses = set(re.findall(r'.{12}https?://[^"\'\s<)]+', page))
        links = {a for a in addresses if '<a href="' in a}
        assert {a.split("http", 1)[1] for a in addresses - links} == {"://www.w3.org/2000/svg"}
        assert not re.search(
            r"\bsrc=|@import|url\((?!#)|\bimport\(|fetch\(|XMLHttp|WebSocket", page
        )
        assert "default-src 'none'" in page

    def test_scripts_come_after_those_they_need(self):
        order = build.in_order("main.js")
        assert sorted(order) == sorted(path.name for path in DEMO.glob("*.js"))
        assert order[-1] == "main.js"
        assert not re.search(r"^(import|export) ", build.script(), re.MULTILINE)

    def test_every_element_that_a_script_asks_for_is_there(self):
        page = (DEMO / "page.html").read_text(encoding="utf-8")
        asked = set(re.findall(r'(?:getElementById|element|figure)\("([\w-]+)"\)', build.script()))
        assert asked <= set(re.findall(r'id="([\w-]+)"', page)) and len(asked) > 15


class TestCells:
    FRAME = Frame((-1.0, 0.0, 2.0), (1.0, 3.0, 2.0), (7, 5, 1), (1e-4, 1e-3), (1e-5, 1e-4))

    @staticmethod
    def bent(points):
        """Smooth beside a layer of width .05."""
        x, y, _ = points.T
        return np.stack([np.tanh((x - 0.3 * y) / 0.2), np.sin(x + y)], axis=1)

    def test_a_layer_is_met_to_the_tolerance_also_after_writing_and_reading(self):
        made = fit(self.bent, self.FRAME)
        whole = np.append(made.whole(), [7, 7])  # another table may follow
        again = Cells.of_whole(self.FRAME, made.tree, whole)
        assert LEAF in made.tree
        np.testing.assert_allclose(again.coefficients, made.coefficients, atol=1e-12)
        points = np.random.default_rng(0).uniform(self.FRAME.low, self.FRAME.high, (2000, 3))
        miss = np.abs(again(points) - self.bent(points)).max(axis=0)
        # Between the points looked at, a polynomial may miss by a little more.
        assert (miss < 3.0 * np.array(self.FRAME.tolerance)).all()

    def test_unwanted_boxes_are_empty_and_points_outside_count_as_on_the_surface(self):
        made = fit(self.bent, self.FRAME, wanted=lambda low, high: bool(low[0] < 0.0))
        assert EMPTY in made.tree
        values = made(np.array([[0.9, 1.0, 2.0], [-5.0, 1.0, 7.0], [-1.0, 1.0, 2.0]]))
        assert np.isnan(values[0]).all()
        np.testing.assert_array_equal(values[1], values[2])

    def test_a_box_that_cannot_be_met_is_kept_at_the_deepest_cut(self):
        def step(points):
            return (points[:, :1] > 0.123).astype(float)

        frame = Frame((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (4, 1, 1), (1e-6,), (1e-6,))
        assert len(fit(step, frame, deepest=6).tree) == 2 * 6 + 1


class TestTables:
    @pytest.mark.parametrize("rule", ["hard", "easy", "random"])
    def test_they_are_as_near_to_the_solver_as_the_page_says(self, rule):
        stated = tables.read_tables().info["measured"][rule]
        assert stated["largest"] < 1e-3 and stated["points"] >= 20_000
        places = make_tables.random_places(PLACES, seed=1)
        miss = make_tables.differences(tables.read_tables(), rule, places)
        assert miss[:, 0].max() <= stated["largest"]
        assert np.median(miss[:, 0]) < 2.0 * stated["q50"]
        assert miss[:, 1].max() < 3.0 * stated["kappa_q999"]

    @pytest.mark.parametrize("rule", ["hard", "easy"])
    def test_ends_and_corners_of_the_sliders(self, rule):
        ends = [[0.1, 31.6, 1000.0], [0.02, 0.2, 0.999, 1.0 - 1e-6], [0.0, 1e-4, 0.7, 1.4]]
        places = [axis.ravel() for axis in np.meshgrid(*ends)]
        miss = make_tables.differences(tables.read_tables(), rule, tuple(places))
        assert miss[:, 0].max() < 1e-3

    def test_the_best_band_too(self):
        stated = tables.read_tables().info["measured"]["band"]
        alpha, f, theta = make_tables.random_places(12, seed=2)
        f = np.minimum(f, make_tables.WIDEST_BAND)
        miss = make_tables.differences(tables.read_tables(), "band", (alpha, f, theta))
        assert miss.max() <= stated["largest"]

    def test_reference_values(self):
        """Digits of theory.md and of the README, to what the page promises."""
        known = [
            ("hard", 3.0, 0.5, 0.0, 0.215362013759172),
            ("easy", 3.0, 0.5, 0.3, 0.171829911771623),
            ("hard", 30.0, 0.2, 0.5, 0.102803427367423),
            ("hard", 100.0, 0.05, 0.0, 0.00500550344784221),
            ("easy", 50.0, 0.5, 1.0, 0.0235562031466371),
        ]
        for rule, *place, error in known:
            found = tables.read_tables().error(rule, *place)[0]
            assert found == pytest.approx(error, rel=1e-3)

    def test_the_table_of_random_keeping_is_what_its_maker_makes(self):
        made = make_tables.compute("random")
        kept = tables.read_tables().cells["random"]
        assert made.tree == kept.tree
        np.testing.assert_allclose(made.coefficients, kept.coefficients, atol=2e-5)

    @pytest.mark.parametrize("rule", ["hard", "easy"])
    def test_single_boxes_are_what_the_solver_gives(self, rule):
        kept = tables.read_tables().cells[rule]
        nodes = cells._grid([cells._lobatto(n) for n in kept.frame.nodes])
        boxes = list(kept.leaves(np.empty((0, 3))))
        for leaf in (100, 400):
            low, high, _ = boxes[leaf]
            points = 0.5 * (low + high) + 0.5 * (high - low) * nodes
            values = make_tables.outputs(rule, points).reshape(1, *kept.frame.nodes, -1)
            found = cells.rounded(cells._coefficients(values), kept.frame)[0]
            miss = np.abs(found - kept.coefficients[leaf]).max(axis=(1, 2, 3))
            assert (miss <= 1.01 * np.array(kept.frame.step)).all()

    def test_the_maker_writes_what_is_kept(self, monkeypatch, tmp_path):
        kept = tables.read_tables()
        monkeypatch.setattr(make_tables, "compute", lambda rule: kept.cells[rule])
        monkeypatch.setattr(make_tables, "POINTS", dict.fromkeys(make_tables.POINTS, 3))
        make_tables.main(tmp_path)
        info = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))
        assert info["tables"] == kept.info["tables"]
        assert info["measured"]["hard"].keys() == kept.info["measured"]["hard"].keys()
        inflated = [
            zlib.decompress(data, wbits=-15)
            for data in ((tmp_path / "tables.bin").read_bytes(), tables.table_bytes())
        ]
        assert inflated[0] == inflated[1]
        with pytest.raises(SystemExit, match=r"tables\.bin"):
            make_tables.main(tmp_path)

    @pytest.mark.parametrize("rule", ["hard", "easy", "band"])
    def test_coordinates_and_back(self, rule):
        places = make_tables.random_places(200, seed=3)
        points = tables.place(rule, *places)
        frame = make_tables.frame(rule)
        assert (points >= np.array(frame.low) - 1e-9).all()
        assert (points <= np.array(frame.high) + (9 if rule == "band" else 1e-9)).all()
        for here, there in zip(places, make_tables.at_place(rule, points), strict=True):
            np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-12)

    def test_critical_load(self):
        """1/α* = min_t E(N + t y u)₊², y = sign(v − τ u) with v uniform on ±1."""
        u = np.linspace(-9.0, 9.0, 4001)
        density = np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi) * (u[1] - u[0])

        def hinge(x):
            return (1.0 + x * x) * ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)

        tau = np.array([0.0, 0.1, 0.4, 1.0, 3.0, 20.0])
        for one, found in zip(tau, tables.log_critical_load(tau), strict=True):
            right = np.clip(0.5 * (1.0 - one * u), 0.0, 1.0)

            def lost(t, right=right):
                return float(density @ (right * hinge(t * u) + (1.0 - right) * hinge(-t * u)))

            least = minimize_scalar(lost, bounds=(0.0, 3.0 + 3.0 * one), method="bounded").fun
            assert found == pytest.approx(-np.log(least), abs=1.1e-3)

    def test_the_error_falls_at_the_critical_load(self):
        f, tau = 0.02, 1.0
        theta = np.arctan(tau * prunelaw.threshold("hard", np.array([f]))[0])
        load = np.exp(tables.log_critical_load(np.array([tau]))[0])
        error = prunelaw.solve(load * np.array([0.9, 1.1]) / f, f, theta, "hard").error
        assert error[0] > 0.3 and error[1] < 0.05
