"""Draws the phase diagram and the sharp change of the README, in about a minute.

    python docs/images/make_phase_diagram.py

phase_diagram.png  which rule wins over (α_tot, f) with a probe 0.3 rad off
capacity.png       the sharp change at α_prune = 2 for θ = 0, f → 0
"""

from pathlib import Path

import numpy as np

from prunelaw import phase_diagram
from prunelaw_figures.plots.capacity import capacity
from prunelaw_figures.plots.phase_map import phase_map

HERE = Path(__file__)

plane = phase_diagram(
    ("alpha_tot", np.geomspace(0.5, 500.0, 96)), ("f", np.geomspace(0.02, 0.9, 96)), theta=0.3
)
phase_map(plane).savefig(HERE.with_name("phase_diagram.png"))
capacity().savefig(HERE.with_name("capacity.png"))
