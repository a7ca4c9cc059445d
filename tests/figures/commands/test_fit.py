"""`prunelaw fit`: laws, options, figures and malformed tables."""

import pytest
from figures.command_line import answer, run

import prunelaw


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
            (("--bound", "c=1"), "--bound must name one of"),
            (("--stretch", "much"), "--stretch must be a number, got 'much'"),
            (("--intervals", "90"), "--level must be finite and in (0, 1)"),
            (("--ceiling", "0"), "ceiling must be finite and in (0, inf)"),
            (
                ("--law", "pruning", "--together"),
                "--law with --together must be one of chinchilla",
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
