"""What a student's direction says about its error, once teacher and probe are known.

The error is the angle of student and teacher over pi, in the metric of the covariance: the error on
Gaussian test inputs of that covariance.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw_sim.simulation.inputs import Inputs, cosine, field_angle

Overlaps = tuple[float, float, float]  # R and rho, the cosines with teacher and probe; the error


class Plane(NamedTuple):
    """Teacher e1, probe cos theta e1 + sin theta e2, uncorrelated inputs."""

    theta: float

    def of(self, J: Float[np.ndarray, " N"]) -> Overlaps:
        """Overlaps of a unit vector."""
        # atan2 keeps all digits of a small angle, where arccos(R) loses half of them.
        across = np.linalg.norm(J[None, 1:], axis=1)[0]
        rho = np.cos(self.theta) * J[0] + np.sin(self.theta) * J[1]
        return float(J[0]), float(rho), float(np.arctan2(across, J[0]) / np.pi)


class Directions(NamedTuple):
    """Teacher and probe anywhere, and the inputs whose covariance measures angles."""

    teacher: Float[np.ndarray, " N"]
    probe: Float[np.ndarray, " N"]
    inputs: Inputs

    @property
    def theta(self) -> float:
        """Angle of probe and teacher, radians."""
        return field_angle(self.inputs, self.teacher, self.probe)

    def of(self, J: Float[np.ndarray, " N"]) -> Overlaps:
        """Overlaps of a direction."""
        error = field_angle(self.inputs, J, self.teacher) / np.pi
        R, rho = (cosine(self.inputs, J, other) for other in (self.teacher, self.probe))
        return R, rho, error


Frame = Plane | Directions
