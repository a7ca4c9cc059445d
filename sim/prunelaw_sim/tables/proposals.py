"""Which columns of a file look like canonical ones: proposed in questions, never taken unasked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.tables.columns import AXIS, COLUMNS
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.written_numbers import bare

_COUNTED = r"(?:samples|tokens|examples|images|pairs)"
_N = r"(?:n_|num_|number_of_|total_|total_num_|max_)?"
_SHARE = r"_?(?:frac|fraction|ratio|rate|proportion|share)"
FORMS: Mapping[str, re.Pattern[str]] = {
    name: re.compile("|".join([name, *forms]), re.IGNORECASE)
    for name, forms in {
        "run": ("(?:run|trial)(?:_?(?:name|id))?", "experiment_?(?:name|id|key)"),
        "group": ("(?:arch|architecture|backbone|network)(?:_name)?",),
        "pool": ("(?:data_?set|data_?pool|corpus|data_source|train(?:ing)?_data)(?:_name)?",),
        "unique_samples": (f"{_N}(?:unique|distinct)_{_COUNTED}", f"{_COUNTED}_unique"),
        "samples_seen": (
            f"{_N}{_COUNTED}_(?:seen|trained|consumed|processed)",
            f"{_N}(?:seen|consumed|processed|train(?:ed|ing)?)_{_COUNTED}",
            f"{_N}tokens",  # bare samples may be those of the evaluation
            "(?-i:D)",
        ),
        "epochs": ("(?:n_|num_|number_of_|max_|total_)?epochs",),
        "dataset_size": (
            "(?:data_?set|data|train|train_?set|training_set)_size", "n_train|num_train",
        ),
        "keep_fraction": (
            f"(?:keep|kept|retain(?:ed)?|remaining|selected|subset|coreset){_SHARE}",
            "(?:frac|fraction|share)_(?:kept|retained)", "keep|kept",
        ),
        "pruned_fraction": (
            f"(?:data_?)?(?:prun(?:e|ed|ing)|remov(?:e|ed|al)|drop(?:ped)?|discard(?:ed)?){_SHARE}",
        ),
        "rule": ("(?:(?:prun(?:e|ing)|selection|filter(?:ing)?|keep)_)?(?:method|strategy|rule)",),
        "error_se": (
            "(?:(?:test|val)_)?(?:error|err|acc|accuracy|loss)_(?:se|sem|stderr)",
            "std_?err(?:or)?|standard_error|sem|se",
        ),
        "seed": ("(?:random_|rng_|train(?:ing)?_)?seed",),
        "parameters": (
            f"{_N}(?:model_)?(?:params|parameters)(?:_count|_total)?", "params?_count",
            "model_size", "(?-i:N)",
        ),
        "compute": (f"{_N}(?:train(?:ing)?_)?(?:flops?|gmacs|macs|compute)(?:_total)?", "(?-i:C)"),
        "batch_size": ("(?:train_|global_|total_)?(?:batch_?size|bs)",),
    }.items()
}  # fmt: skip


_TOOLS = re.compile(r"^(?:params|user_attrs|config|cfg|hparams|args|attrs)_", re.IGNORECASE)


def proposed(header: Sequence[str], known: Collection[str], taken: Iterable[str]) -> dict[str, str]:
    """{canonical: column} for columns that are called nearly so; the first one of each.

    What is in an inner object counts by its own name: `config.tokens`, `params/seed`.
    """
    free = [name for name in header if name not in set(taken) and name not in FORMS]
    axes = [name for name in header if AXIS.search(name)]  # a setting of epochs is none
    along = any(not FORMS["epochs"].fullmatch(own) for name in axes for own in _own(name))
    found: dict[str, str] = {}
    for ours, form in FORMS.items():
        if ours == "epochs" and along:
            continue
        names = [name for name in free if any(map(form.fullmatch, _own(name)))]
        if names and ours not in known and ours not in header:
            found[ours] = names[0]
            free.remove(names[0])
    if "keep_fraction" in found or "keep_fraction" in {*known, *header}:
        found.pop("pruned_fraction", None)
    return found


def _own(name: str) -> list[str]:
    """The last part of a name, without its unit; and without what a tool wrote before it."""
    last = bare(re.split(r"[./]", name)[-1].strip())
    plain = re.sub(r"[ -]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last))
    return [plain, _TOOLS.sub("", plain)]


def needed(
    missing: Sequence[str], present: Collection[str], unused: Sequence[str], source: str
) -> TableError:
    """What is said where a law needs columns that the table lacks: all of them at once."""
    columns = {o: t for o, t in proposed(unused, present, ()).items() if o in missing}
    answers: dict[str, Any] = {"columns": columns} if columns else {}
    if "pool" in missing and "pool" not in columns:
        answers["constants"] = {"pool": "all"}
    named = [f"{n!r} ({COLUMNS[n].meaning})" if n in COLUMNS else repr(n) for n in missing]
    hints = [f"{option(columns=columns)}, if that is what it looks like"] if columns else []
    if "constants" in answers:
        hints.append(f"{option(constants={'pool': 'all'})}, if all runs drew from one distribution")
    rest = [name for name in missing if name not in columns and name != "pool"]
    hints += [f"{option(columns={name: 'COLUMN'})}" for name in rest]
    return TableError(
        f"{source}: needed here and missing: {', '.join(named)}; {'; '.join(hints)}; present: "
        f"{', '.join([*present, *unused])}",
        answers,
    )
