"""The utility laws as functions of parameter vectors: derivatives, layout, box and starts."""

import numpy as np
import pandas as pd
import pytest
from sim.laws.pools import exact_table, noisy_table

from prunelaw.decay.utility import CONVENTIONS
from prunelaw_sim.fits.least_squares import to_internal
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws.utility_layout import Form, Layout, Rows
from prunelaw_sim.laws.utility_model import UtilityModel
from prunelaw_sim.laws.utility_starts import utility_starts


class TestModel:
    @pytest.mark.parametrize("ceiling", [None, 1.0])
    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_jacobian_against_differences(self, convention, ceiling):
        table = pd.concat([exact_table(), exact_table().assign(group="other")])
        form = Form(convention, stretch=None, ceiling=ceiling)
        rows, highest = Rows.read(Table.of(table)), {"synthetic": 0.2, "other": 0.3}
        model = UtilityModel(Layout.of(rows, form, highest))
        values = dict.fromkeys(model.parameters, 0.1)
        values |= {name: -0.2 for name in model.parameters if name.startswith("b")}
        values |= {"tau[good]": 5.0, "tau[poor]": 0.9, "stretch": 0.7}
        named = zip(model.parameters, model.kinds, strict=True)
        p, step = np.array([to_internal(values[name], kind) for name, kind in named]), 1e-5
        ends = model.evaluate(np.vstack([p + step * np.eye(p.size), p - step * np.eye(p.size)]))[0]
        differences = (ends[: p.size] - ends[p.size :]).T / (2 * step)
        np.testing.assert_allclose(model.evaluate(p[None])[1][0], differences, atol=1e-9)

    def test_starts_lie_inside_the_box(self):
        table = Table.of(noisy_table())
        error, weight = table.measured()
        highest = {"synthetic": float(error.min())}
        layout = Layout.of(Rows.read(table), Form("paper"), highest)
        starts = utility_starts(layout, error, weight)
        assert ((starts >= layout.low) & (starts <= layout.high)).all()
        np.testing.assert_array_equal(UtilityModel(layout).starts(error, weight), starts)
