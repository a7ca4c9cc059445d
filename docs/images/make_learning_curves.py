"""Draws learning_curves.png of the README: `python docs/images/make_learning_curves.py`."""

from pathlib import Path

from prunelaw_figures.plots.learning_curves import learning_curves
from prunelaw_sim import simulate

F, THETA, DIM, TRIALS = 0.4, 0.2, 200, 30
ALPHAS = (0.8, 1.6, 3.2)
LARGE = (6.4,)

runs = {
    rule: [
        simulate(alpha, F, THETA, rule, dim=DIM, trials=TRIALS, seed=7) for alpha in ALPHAS + LARGE
    ]
    for rule in ("hard", "easy", "random")
}
figure = learning_curves(F, THETA, runs)
figure.savefig(Path(__file__).with_name("learning_curves.png"), dpi=150)
