"""The max-margin student of separable data: the direction with the largest smallest margin."""

from dataclasses import dataclass
from typing import Any

from prunelaw.keep import KeepRule
from prunelaw_sim.students.base import Rows, Student, Students


@dataclass(frozen=True)
class Separator(Student):
    """Trained by `hard_margin`; the theory is `prunelaw.solve`."""

    form = "max-margin"
    needs_separable = True

    @property
    def name(self) -> str:
        return self.form

    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        from prunelaw_sim.students.hard_margin import train_separators  # loads JAX

        found = train_separators(rows, width)  # padded to `width`: few programs are compiled
        return Students(found.J, found.kappa, found.relative_gap, found.converged)

    def has_theory(self, rule: KeepRule) -> bool:
        return True

    def theory(self, alpha_tot: Any, f: Any, theta: Any, rule: KeepRule) -> Any:
        from prunelaw import solve

        return solve(alpha_tot, f, theta, rule)


STUDENT = Separator
