"""The search for the best rule, on errors whose optimum is known in closed form."""

import numpy as np
import pytest

from prunelaw.pruning.rule_search import OPTIMAL, Found, RuleSearch

F = 0.3


class Toy(RuleSearch):
    """ε = exp(∫ over the kept ranks of I(x)): the kept ranks that least I has are the best."""

    def __init__(self, influence, integral, breaks=()):
        self.of, self.integral = influence, integral
        super().__init__(F, breaks)

    def solved(self, ranks, near):
        edges = ranks if len(ranks) else np.array([[0.0, 1.0]])
        share = 1.0 if len(ranks) else self.f
        value = np.sum(self.integral(edges[:, 1]) - self.integral(edges[:, 0]))
        return Found(float(np.exp(share * value)), None)

    exactly = solved

    def influence(self, ranks, found, at):
        return self.of(at) * found.error


@pytest.mark.parametrize("start", ["hard", "easy", "random", "band at 0.4"])
def test_a_band_is_found_from_every_start(start):
    search = Toy(lambda x: (x - 0.6) ** 2, lambda x: (x - 0.6) ** 3 / 3)
    met = search.run(start, search.starts()[start])
    assert met.violation < OPTIMAL
    np.testing.assert_allclose(met.ranks, [[0.45, 0.75]], atol=1e-5)


def test_two_intervals_are_found():
    search = Toy(lambda x: -((x - 0.5) ** 2), lambda x: -((x - 0.5) ** 3) / 3)
    met = search.run("random", search.starts()["random"])
    assert met.violation < OPTIMAL
    np.testing.assert_allclose(met.ranks, [[0.0, 0.15], [0.85, 1.0]], atol=1e-5)


def test_an_edge_rests_at_a_break():
    """The influence jumps at .3: all below is kept, and nothing above."""
    search = Toy(
        lambda x: np.where(x < 0.3, 0.0, 1.0) + 0.1 * x,
        lambda x: np.maximum(x - 0.3, 0.0) + 0.05 * x * x,
        (0.3,),
    )
    met = search.run("random", search.starts()["random"])
    np.testing.assert_allclose(met.ranks, [[0.0, 0.3]], atol=1e-8)


def test_what_cannot_be_solved_is_not_certified():
    search = Toy(lambda x: x, lambda x: x * x / 2)
    search.exactly = lambda ranks, near: None
    met = search.run("hard", search.starts()["hard"])
    assert met.found is None
    assert met.error == np.inf
    assert met.violation == np.inf
