"""Draws the phase diagrams of the README: `python docs/images/make_phase_diagram.py` (minutes).

phase_diagram.png  which rule wins over (α_tot, f) with a probe 0.5 rad off
capacity.png       the same at f = 0.01 over (α_prune, θ): the sharp change at α_prune = 2, θ = 0
"""

from pathlib import Path

import numpy as np

from prunelaw import phase_diagram
from prunelaw_figures.phase_map import phase_map

HERE = Path(__file__)

plane = phase_diagram(
    ("alpha_tot", np.geomspace(0.5, 500.0, 64)), ("f", np.geomspace(0.1, 0.95, 48)), theta=0.5
)
phase_map(plane).savefig(HERE.with_name("phase_diagram.png"), dpi=150)
capacity = phase_diagram(
    ("alpha_prune", np.geomspace(0.5, 20.0, 64)),
    ("theta", np.linspace(0.0, 0.3, 48)),
    f=0.01,
    rules=("hard", "easy", "random"),
)
phase_map(capacity).savefig(HERE.with_name("capacity.png"), dpi=150)
