"""Notes: one class, the same JSON for those of a plan and those of a fit."""

from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain


def test_json_has_parameters_where_there_is_a_fitted_law():
    notes = [Note("theorem", "b adds"), Note("misfit", "bad", ()), Note("ridge", "long", ("a",))]
    assert to_plain(notes) == [
        {"kind": "theorem", "message": "b adds"},
        {"kind": "misfit", "parameters": [], "message": "bad"},
        {"kind": "ridge", "parameters": ["a"], "message": "long"},
    ]
    assert str(notes[0]) == "b adds"
