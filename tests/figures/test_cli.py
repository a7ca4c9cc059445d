"""The command line: what it prints, its exit codes, and how bad input is named."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

import prunelaw
from prunelaw.errors import ConvergenceError
from prunelaw_figures.cli import main

SIMULATE = ["simulate", "--alpha-tot", "3", "--keep", "0.5"]
POINT = ["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "0.3", "--rule", "hard"]


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # exactly one object, nothing around it


@pytest.fixture
def runs_csv(tmp_path):
    """Runs of two pools that follow the paper's law exactly."""
    from prunelaw.decay.utility import UtilityLaw

    path = tmp_path / "runs.csv"
    lines = ["pool,unique_samples,samples_seen,val_err"]
    for pool, b, tau in (("clean", -0.3, 8.0), ("noisy", -0.2, 3.0)):
        law = UtilityLaw(a=10.0, b=b, tau=tau, d=0.05)
        for size in (1e6, 4e6):
            # A pool four times as large repeats four times more slowly: τ grows with size.
            bigger = UtilityLaw(a=10.0, b=b, tau=tau * size / 1e6, d=0.05)
            for seen in (1e6, 4e6, 1.6e7, 6.4e7):
                error = (law if size == 1e6 else bigger).error(seen, size)
                lines.append(f"{pool},{size:.0f},{seen:.0f},{error:.15g}")
    path.write_text("\n".join(lines) + "\n")
    return path


class TestSolve:
    def test_json_is_the_theorys_answer(self):
        got, exact = answer(*POINT[:]), prunelaw.solve(3.0, 0.5, 0.3, "hard")
        for name in ("error", "R", "rho", "kappa", "residual"):
            assert got[name] == float(getattr(exact, name))
        assert got["converged"] is True
        assert got["error"] == pytest.approx(0.245942318165279, rel=1e-10)

    def test_degrees(self):
        point = ["solve", "--alpha-tot", 3, "--keep", 0.5, "--theta"]
        assert answer(*point, 90, "--degrees")["theta"] == pytest.approx(1.5707963267948966)

    def test_lists_give_every_combination(self):
        points = answer("solve", "--alpha-tot", "1,3", "--keep", "0.2,0.5", "--rule", "hard,easy")
        keys = [(p["alpha_tot"], p["keep_fraction"], p["rule"]) for p in points["points"]]
        assert len(set(keys)) == 8
        assert keys[:3] == [(1, 0.2, "hard"), (1, 0.2, "easy"), (1, 0.5, "hard")]

    def test_table_shows_the_same_numbers(self):
        assert "0.24594232" in run(*POINT).stdout

    def test_unsolved_point_is_null_and_exits_1(self, monkeypatch):
        def unsolved(*arguments, throw):
            solution = real(*arguments, throw=throw)
            solution.converged[:] = False
            solution.error[:] = float("nan")
            return solution

        real = prunelaw.solve
        monkeypatch.setattr(prunelaw, "solve", unsolved)
        result = run(*POINT, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["error"] is None
        assert "1 of 1 points did not converge" in result.stderr

    def test_cold_start_loads_nothing_heavy(self):
        """What makes a single solve answer in a moment: no jax, pandas, matplotlib, sklearn."""
        heavy = {"jax", "pandas", "matplotlib", "sklearn", "rich"}
        code = (
            "import sys; from prunelaw_figures.cli import main\n"
            f"main({[*POINT, '--json']!r}, standalone_mode=False)\n"
            f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert found.stderr.strip() == "[]"
        assert json.loads(found.stdout)["converged"] is True


class TestFit:
    def test_recovers_the_law(self, runs_csv):
        fit = answer("fit", runs_csv, "--map", "error=val_err", "--hold-out-above", "2e7")
        assert fit["held_out"] == {"rmse": pytest.approx(0, abs=1e-4), "points": 4}
        assert fit["rmse"] < 1e-5
        assert fit["a"] == pytest.approx(10.0, rel=0.05)
        assert fit["d"] == pytest.approx(0.05, abs=0.005)
        assert fit["pools"]["noisy"]["b"] == pytest.approx(-0.2, rel=0.02)
        assert fit["pools"]["clean"]["tau"] == pytest.approx(8.0, rel=0.05)
        assert fit["pools"]["clean"]["unique_samples"] == 1e6
        assert {"standard_errors", "not_identified", "convention"} <= set(fit)

    def test_options_reach_the_fit_and_intervals_come_with_it(self, runs_csv):
        options = ("--bound", "d=0.05", "--stretch", "0", "--intervals", "0.9")
        fit = answer("fit", runs_csv, "--map", "error=val_err", *options)
        assert fit["d"] == 0.05 and fit["stretch"] == 0.0
        ends = fit["intervals"]["tau[clean]"]
        assert ends["low"] <= fit["pools"]["clean"]["tau"] <= ends["high"]
        text = run("fit", runs_csv, "--map", "error=val_err", *options).stdout
        assert "90 %" in text and " to " in text

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--bound", "d=x"), "--bound d must be a number, got 'x'"),
            (("--bound", "c=1"), "bounds must name one of"),
            (("--stretch", "much"), "--stretch must be a number, got 'much'"),
            (("--intervals", "90"), "--intervals must be finite and in (0, 1)"),
            (("--ceiling", "0"), "ceiling must be finite and in (0, inf)"),
            (
                ("--law", "pruning", "--together"),
                "--law with --together must be one of data-constrained",
            ),
        ],
    )
    def test_bad_options_of_the_fit(self, runs_csv, options, words):
        result = run("fit", runs_csv, "--map", "error=val_err", *options)
        assert result.exit_code == 2
        assert words in result.stderr

    def test_tells_on_stdout_what_it_found(self, runs_csv):
        result = run("fit", runs_csv, "--map", "error=val_err")
        assert result.exit_code == 0
        assert "b[clean]" in result.stdout  # rich would swallow it as markup
        assert "rmse" in result.stdout

    @pytest.mark.slow
    def test_pruning_law(self, tmp_path):
        lines = ["dataset_size,keep_fraction,rule,error"]
        for size in (50, 100, 200, 400):
            for rule in ("hard", "easy"):
                error = 0.02 + 0.9 * prunelaw.solve(size / 40, 0.5, 0.2, rule).error
                lines.append(f"{size},0.5,{rule},{error:.15g}")
        path = tmp_path / "pruned.csv"
        path.write_text("\n".join(lines))
        fit = answer("fit", path, "--law", "pruning")
        assert fit["dimension"] == pytest.approx(40.0, rel=1e-2)
        assert fit["theta"] == pytest.approx(0.2, rel=5e-2)

    def test_a_power_law_of_six_n_d(self, tmp_path):
        path = tmp_path / "runs.csv"
        lines = ["parameters,samples_seen,error"]
        for n, d in ((1e6, 1e8), (1e7, 1e8), (1e7, 1e9), (1e8, 1e10)):
            lines.append(f"{n:.0f},{d:.0f},{20.0 * (6.0 * n * d) ** -0.1:.15g}")
        path.write_text("\n".join(lines))
        assert answer("fit", path, "--law", "power-law")["values"]["s"] == pytest.approx(-0.1)
        result = run("fit", path, "--law", "power-law", "--log-error")
        assert "assumed: no column compute" in result.stdout

    @pytest.mark.slow
    def test_all_laws_side_by_side(self, runs_csv, tmp_path):
        command = ("fit", runs_csv, "--map", "error=val_err", "--law", "all")
        found = answer(*command, "--figure", tmp_path / "laws.png")
        assert (tmp_path / "laws.png").read_bytes().startswith(b"\x89PNG")
        laws = {law["law"]: law for law in found["laws"]}
        assert found["best"] == "utility" and laws["utility"]["held_out_rmse"] < 1e-4
        assert laws["no-decay"]["held_out_rmse"] > 0.01
        shown = run(*command, "--hold-out-above", "2e7").stdout
        for words in ("verdict", "in-sample", "best: utility", "left out: no column compute"):
            assert words in shown

    def test_a_figure_is_never_overwritten(self, runs_csv, tmp_path):
        (tmp_path / "laws.png").write_text("mine")
        command = ("fit", runs_csv, "--map", "error=val_err", "--law", "all", "--figure")
        for name in ("laws.png", "nowhere/laws.png"):
            result = run(*command, tmp_path / name)
            assert result.exit_code == 2 and "--figure must be a new file" in result.stderr
        assert (tmp_path / "laws.png").read_text() == "mine"

    def test_group_must_be_chosen(self, shared_data):
        result = run("fit", shared_data / "openclip", "--json")
        assert result.exit_code == 2
        assert "--group must be one of ViT-B-16, ViT-B-32" in result.stderr

    def test_openclip(self, shared_data):
        command = ("fit", shared_data / "openclip", "--group", "ViT-B-32")
        fit = answer(*command, "--hold-out-above", "2e10")
        assert fit["held_out"]["points"] == 3
        assert fit["rmse"] < 0.01


BAD = [
    (["solve", "--alpha-tot", "0", "--keep", "0.5"], ["--alpha-tot", "(0, inf)", "0.0"]),
    (["solve", "--alpha-tot", "nan", "--keep", "0.5"], ["--alpha-tot", "finite", "nan"]),
    (["solve", "--alpha-tot", "3", "--keep", "1.5"], ["--keep", "(0, 1]", "1.5"]),
    (["solve", "--alpha-tot", "3", "--keep", "0.5,0"], ["--keep", "(0, 1]", "0.0 at index 1"]),
    (["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "2"], ["--theta", "1.5708", "2.0"]),
    (
        ["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "91", "--degrees"],
        ["--theta", "[0, 90]", "91"],
    ),
    (["solve", "--alpha-tot", "x", "--keep", "0.5"], ["--alpha-tot", "'x' is not a number"]),
    (
        ["solve", "--alpha-tot", "3", "--keep", "0.5", "--rule", "best"],
        ["--rule", "hard, easy, random", "'best'"],
    ),
    (["solve", "--keep", "0.5"], ["--alpha-tot"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--dim", "1"], ["--dim", "2", "1"]),
    (["simulate", "--alpha-tot", "-3", "--keep", "0.5"], ["--alpha-tot", "(0, inf)", "-3"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--trials", "0"], ["--trials", "2", "0"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--seed", "-1"], ["--seed", "0", "-1"]),
    ([*SIMULATE, "--student", "svm"], ["--student must be logistic:LAMBDA, max-margin", "'svm'"]),
    ([*SIMULATE, "--student", "ridge:0"], ["LAMBDA of student ridge", "(0, inf)", "0.0"]),
    ([*SIMULATE, "--inputs", "student-t:3"], ["NU of student-t", "(4, inf)", "3.0"]),
    ([*SIMULATE, "--probe", "trained"], ["--probe must be given, independent:ALPHA", "'trained'"]),
    ([*SIMULATE, "--probe", "same", "--theta", "0.1"], ["theta must be left out", "0.1"]),
    ([*SIMULATE, "--label-noise", "0.1"], ["label_noise", "max-margin", "ridge:LAMBDA", "0.1"]),
    ([*SIMULATE, "--label-noise", "0.5"], ["--label-noise", "[0, 0.5)", "0.5"]),
    (["fit", "nowhere.csv"], ["nowhere.csv", "no such file"]),
    (["fit", "x.csv", "--law", "cubic"], ["--law", "no-decay, overfit", "'cubic'"]),
    (["fit", "x.csv", "--convention", "mine"], ["--convention", "official_code", "'mine'"]),
    (["fit", "x.csv", "--hold-out-above", "-1"], ["--hold-out-above", "(0, inf)", "-1"]),
    (
        ["fit", "x.csv", "--law", "power-law", "--convention", "paper"],
        ["--law with --convention", "effective-data", "'power-law'"],
    ),
    (["fit", "x.csv", "--figure", "a.png"], ["--law with --figure", "all", "'utility'"]),
    (["fit", "x.csv", "--map", "error"], ["--map", "'error'", "name=value"]),
    (["verify", "--sweep", "nowhere.csv"], ["nowhere.csv", "no such file"]),
    (["verify", "--seed", "-1"], ["--seed", "at least 0", "-1"]),
    (["verify", "--map", "error=e"], ["--map", "--sweep"]),
    (["prune"], ["No such command 'prune'"]),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=lambda value: " ".join(value)[:60])
def test_bad_input_exits_2_and_is_named(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []  # no report folder for bad input


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty"]),
        ("pool,unique_samples,samples_seen,error\n", ["no rows"]),
        ("pool,unique_samples,samples_seen,error\na,1,2\n", ["line 2", "3 cells", "4 columns"]),
        ("pool,unique_samples,samples_seen,error\na,1,2,-0.1\n", ["line 2", "'error'", "-0.1"]),
        ("pool,unique_samples,samples_seen,error\na,1,2,nan\n", ["line 2", "'error'", "nan"]),
        ("pool,unique_samples,error\na,1,0.1\n", ["samples_seen", "missing"]),
    ],
)
def test_malformed_tables_are_named_with_line_and_column(content, words, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    result = run("fit", path)
    assert result.exit_code == 2
    for word in ["bad.csv", *words]:
        assert word in result.stderr


def test_a_folder_without_a_known_format(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    result = run("fit", tmp_path)
    assert result.exit_code == 2
    assert "no known format" in result.stderr


def test_failed_work_exits_1_and_ctrl_c_exits_130(monkeypatch):
    def failing(*arguments, **options):
        raise ConvergenceError("the solver is out of sorts")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(prunelaw, "solve", failing)
    result = run(*POINT)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "out of sorts" in result.stderr
    monkeypatch.setattr(prunelaw, "solve", interrupted)
    assert run(*POINT).exit_code == 130


@pytest.mark.parametrize("verb", ["solve", "simulate", "fit", "verify"])
def test_help_teaches_by_example(verb):
    assert verb in run("--help").stdout
    assert f"prunelaw {verb} " in run(verb, "--help").stdout


def test_version():
    from importlib.metadata import version

    assert run("--version").stdout == f"prunelaw {version('prunelaw')}\n"


@pytest.mark.slow
def test_simulate_reports_the_students_and_the_theory():
    point = ("--dim", 20, "--alpha-tot", 3, "--keep", 0.5, "--theta", 0.3, "--trials", 30)
    one = answer("simulate", *point, "--seed", 1)
    assert one == answer("simulate", *point, "--seed", 1)
    assert one["mean"] != answer("simulate", *point, "--seed", 2)["mean"]
    assert one["theory_error"] == pytest.approx(0.245942318165279, rel=1e-10)
    assert abs(one["mean"] - one["theory_error"]) < 0.15 * one["theory_error"]
    assert one["trials"] == 30
    assert 0 < one["max_relative_gap"] <= 1e-8
    assert (one["drawn"], one["kept"]) == (60, 30)


def test_simulate_says_where_it_leaves_the_theory():
    point = ("--dim", 20, "--alpha-tot", 3, "--keep", 0.5, "--trials", 20)
    trained = answer("simulate", *point, "--probe", "independent:2")
    assert trained["departures"] == [] and trained["probe"] == "independent:2"
    exact = float(prunelaw.solve(2.0, 1.0, 0.0, "random").error)
    assert trained["theta"] == pytest.approx(3.141592653589793 * exact)
    assert abs(trained["probe_theta"] - trained["theta"]) < 5 * trained["probe_theta_stderr"]
    noisy = answer(
        "simulate", *point, "--student", "ridge:0.010", "--label-noise", 0.1, "--inputs", "signs"
    )
    assert (noisy["student"], noisy["label_noise"]) == ("ridge:0.01", 0.1)
    assert noisy["theory"]["kappa"] is None and len(noisy["departures"]) == 2
    shown = run("simulate", *point, "--student", "logistic:1", "--probe", "same").stdout
    assert "beyond the theory: the probe was trained on the examples that it prunes" in shown
    assert "there is no theory of student logistic:1" in shown and "nan" not in shown


class TestRules:
    def test_band_implies_its_fraction(self):
        got = answer("solve", "--alpha-tot", 30, "--theta", 0.5, "--rule", "band:0.17,0.43")
        assert got["keep_fraction"] == pytest.approx(0.197814495, rel=1e-8)
        assert got["error"] == pytest.approx(0.052113234969, rel=1e-10)

    def test_contradicting_keep_is_an_error(self):
        result = run("solve", "--alpha-tot", 30, "--keep", 0.3, "--rule", "band:0.17,0.43")
        assert result.exit_code == 2 and "which the rule band:0.17,0.43 implies" in result.stderr

    def test_rules_with_commas_in_a_list(self):
        rules = "mix:0.2,hard,signed-easy,random"
        got = answer("solve", "--alpha-tot", 3, "--keep", 0.5, "--theta", 0.3, "--rule", rules)
        names = [point["rule"] for point in got["points"]]
        assert names == ["mix:0.2,hard", "signed-easy", "random"]

    def test_keep_is_needed_otherwise(self):
        result = run("solve", "--alpha-tot", 30)
        assert result.exit_code == 2 and "f must be given" in result.stderr


class TestOptimalRule:
    @pytest.mark.slow
    def test_json_has_rule_gain_and_certificate(self):
        got = answer("optimal-rule", "--alpha-tot", 3, "--keep", 0.5)
        assert got["error"] == pytest.approx(0.140564914562, rel=1e-9)
        assert len(got["intervals"]) == 1 and got["gain"] > 0.01
        assert got["certificate"]["certified"] and got["certificate"]["violation"] < 1e-6

    def test_bad_fraction(self):
        result = run("optimal-rule", "--alpha-tot", 3, "--keep", 1.5)
        assert result.exit_code == 2 and "--keep must be finite and in (0, 1)" in result.stderr


class TestPhaseDiagram:
    AXES = ("phase-diagram", "--x", "alpha_tot=3:300:3", "--y", "f=0.2:0.6:2")

    def test_files_and_summary(self, tmp_path):
        out = tmp_path / "plane"
        got = answer(*self.AXES, "--theta", 0.5, "--rules", "hard,random", "--out", out)
        assert got["failed"] == 0 and sum(got["share_best"].values()) == pytest.approx(1.0)
        names = {file.name for file in tmp_path.iterdir()}
        assert names == {"plane.npz", "plane.png", "plane.svg"}
        again = run(*self.AXES, "--theta", 0.5, "--rules", "hard,random", "--out", out)
        assert again.exit_code == 2 and "plane.npz, which exists" in again.stderr

    def test_goes_on_from_a_partial_file(self, tmp_path, monkeypatch):
        import prunelaw.pruning.phase

        out, solved = tmp_path / "plane", []
        original = prunelaw.pruning.phase._solved_block

        def interrupted(points, rules):
            if len(solved) == 1:
                raise KeyboardInterrupt
            solved.append(points)
            return original(points, rules)

        monkeypatch.setattr("prunelaw.pruning.phase.BLOCK", 2)
        monkeypatch.setattr("prunelaw.pruning.phase._solved_block", interrupted)
        options = (*self.AXES, "--theta", 0.5, "--rules", "random", "--out", out)
        assert run(*options).exit_code == 130
        assert (tmp_path / "plane.partial.npz").exists()
        monkeypatch.setattr("prunelaw.pruning.phase._solved_block", original)
        resumed = run(*options)
        assert resumed.exit_code == 0 and "going on from" in resumed.stderr
        assert not (tmp_path / "plane.partial.npz").exists()

    @pytest.mark.parametrize(
        "options, message",
        [
            (
                ("--theta", 0.5, "--out", "nowhere/plane"),
                "--out must be a new file in a folder that exists",
            ),
            (("--keep", 0.2), "theta must be given"),
        ],
    )
    def test_bad_input(self, options, message):
        result = run(*self.AXES, *options)
        assert result.exit_code == 2 and message in result.stderr

    def test_bad_axis(self):
        result = run("phase-diagram", "--x", "beta=1:2:3", "--y", "f=0.2:0.6:2", "--theta", 0.5)
        assert result.exit_code == 2 and "must be one of alpha_tot" in result.stderr
