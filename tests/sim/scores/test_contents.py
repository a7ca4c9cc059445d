"""What the numbers of score files are: ranks, indices, seeds, masks, never, ids."""

from pathlib import Path

import numpy as np
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.scores.contents import is_id_name, mean_of_seeds, rows_of, seed_columns
from prunelaw_sim.scores.files import read_scores

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
TRUTH = np.random.default_rng(0).normal(size=60)  # scores of 60 examples


@pytest.fixture
def saved(tmp_path):
    """Saves an array, or a text, and gives its path."""

    def _saved(content, name: str = "s.npy"):
        if isinstance(content, str):
            (tmp_path / "s.csv").write_text(content)
            return tmp_path / "s.csv"
        np.save(tmp_path / name, content)
        return tmp_path / name

    return _saved


def case(name):
    if not (CASES / name).exists():
        pytest.skip(f"no {CASES / name}")
    return CASES / name


def same_order(scores, truth=TRUTH):
    return np.array_equal(np.argsort(scores.values), np.argsort(truth))


# --- ranks and lists


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("kind", [int, float])
def test_an_order_is_asked_about_and_every_answer_is_right(saved, start, kind):
    ranks = np.argsort(np.argsort(TRUTH)) + start
    up, down = np.argsort(TRUTH) + start, np.argsort(-TRUTH) + start
    for array, holds in ((ranks, "ranks"), (up, "indices-up"), (down, "indices-down")):
        path = saved(array.astype(kind))
        with pytest.raises(TableError, match=r"a rank of each example, or a list.*holds='ranks'"):
            read_scores(path)
        assert same_order(read_scores(path, holds=holds))
        assert same_order(read_scores(path, holds=holds, high="easy"), -TRUTH)
    assert same_order(read_scores(saved(ranks), holds="scores"))
    with pytest.raises(InputError, match="holds must be one of scores, ranks, indices-up"):
        read_scores(path, holds="indices")
    with pytest.raises(TableError, match="needs all of 0"):
        read_scores(saved(TRUTH), holds="indices-up")


def test_a_list_of_chosen_examples_is_no_score(saved):
    chosen = np.random.default_rng(4).permutation(50)[:20]
    with pytest.raises(
        TableError, match=r"20 different integers up to .*a list of chosen examples"
    ):
        read_scores(saved(chosen))
    assert read_scores(saved(chosen), holds="scores").values.tolist() == chosen.tolist()


def test_a_sorted_column_of_indices(saved):
    path = saved("index\n" + "\n".join(map(str, np.argsort(TRUTH))) + "\n")
    with pytest.raises(TableError, match="holds='indices-up'"):
        read_scores(path)
    assert same_order(read_scores(path, holds="indices-up"))


def test_records_are_columns(saved):
    array = np.array([(7, 0.5), (3, 0.25)], dtype=[("id", "i8"), ("score", "f8")])
    scores = read_scores(saved(array))
    assert scores.ids == ("7", "3") and scores.values.tolist() == [0.5, 0.25]


def test_ranks_beside_ids_are_ranks_and_said(saved):
    ranks = np.random.default_rng(1).permutation(20)
    lines = "\n".join(f"x{i},{rank}" for i, rank in enumerate(ranks))
    scores = read_scores(saved(f"id,score\n{lines}\n"))
    assert scores.values.tolist() == ranks.tolist()
    assert any("ranks" in note for note in scores.notes)


def test_the_list_of_a_public_report_is_asked_about():
    path = case("14-sorted_indices.npy")
    with pytest.raises(TableError, match=r"0\.\.\.999.*index 0 has 794"):
        read_scores(path)
    scores = read_scores(path, holds="indices-down")
    assert int(np.argmax(scores.values)) == 794


# --- ids


@pytest.mark.parametrize(
    "name",
    ["index", "idx", "uid", "", "Unnamed: 0", "sample_id", "example_index", "Index", "image_id",
     "dataIdx", "uuid", "key", "filename"],
)  # fmt: skip
def test_columns_of_ids_are_found(saved, name):
    path = saved(f"{name},is_issue,quality\n770,1,.5\n294,0,.4\n", "s.csv")
    scores = read_scores(path, column="quality")
    assert scores.ids == ("770", "294")
    assert not any("by their place" in note for note in scores.notes)


def test_an_unnamed_column_may_be_chosen_and_places_are_announced(saved):
    path = saved("uid,,quality\na,770,.5\nb,294,.4\n")
    assert read_scores(path, column="quality").ids == ("a", "b")
    scores = read_scores(path, column="quality", id_column="(column 2)")
    assert scores.ids == ("770", "294")
    assert any("named by their place, from 0" in n for n in read_scores(saved(TRUTH)).notes)
    with pytest.raises(TableError, match=r"which column holds the ids\? .*id_column="):
        read_scores(saved("uid,key,quality\na,7,.5\nb,2,.4\n"), column="quality")
    assert read_scores(saved("id,key,score\na,7,.5\nb,2,.4\n")).ids == ("a", "b")


def test_a_sorted_quality_table_keeps_its_ids():
    path = case("14-cleanlab_sorted.csv")
    scores = read_scores(path, column="label_quality")
    first = [line.split(",")[0] for line in path.read_text().splitlines()[1:4]]
    assert list(scores.ids or ())[:3] == first
    with pytest.raises(TableError, match=r"which column holds the scores\?.*label_quality"):
        read_scores(path)


def test_names_of_ids():
    assert not any(map(is_id_name, ("score", "el2n", "grid", "idle", "keyness", "width", "")))
    assert seed_columns(["el2n_seed0", "el2n_seed1"]) and not seed_columns(["acc1", "acc5"])


# --- seeds


def noisy(seeds, scale=0.1):
    return TRUTH + scale * np.random.default_rng(2).normal(size=(seeds, len(TRUTH)))


def test_seeds_give_their_mean_and_their_agreement(saved):
    from scipy.stats import spearmanr

    table = noisy(3)
    pairs = np.asarray(spearmanr(table, axis=1)[0])[np.triu_indices(3, 1)]
    words = f"mean over 3 seeds, whose rankings have a mean correlation of {pairs.mean():.3g}"
    for array in (table, table.T, np.asfortranarray(table)):
        scores = read_scores(saved(array))
        np.testing.assert_allclose(scores.values, table.mean(axis=0))
        assert words in scores.notes
    rows = "\n".join(f"e{i},{a!r},{b!r}" for i, (a, b) in enumerate(table[:2].T.tolist()))
    path = saved(f"id,el2n_seed0,el2n_seed1\n{rows}\n")
    np.testing.assert_allclose(read_scores(path).values, table[:2].mean(axis=0))
    path = saved(f"id,a,b\n{rows}\n")
    named = read_scores(path, column="a,b")
    np.testing.assert_allclose(named.values, table[:2].mean(axis=0))
    with pytest.raises(TableError, match="several with commas are seeds"):
        read_scores(path)


def test_which_side_is_of_examples(saved, tmp_path):
    table = noisy(30)
    with pytest.raises(TableError, match=r"30 by 60: which side is of examples\?"):
        read_scores(saved(table))
    np.testing.assert_allclose(read_scores(saved(table), examples=60).values, table.mean(axis=0))
    for column in (TRUTH[:, None], TRUTH[None, :]):
        assert read_scores(saved(column)).values.tolist() == TRUTH.tolist()
    assert len(rows_of(noisy(2), 60, "x")) == 2
    np.savez(tmp_path / "s.npz", el2n=noisy(4))
    np.testing.assert_allclose(read_scores(tmp_path / "s.npz").values, noisy(4).mean(axis=0))


def test_what_is_no_seeds_of_one_score(saved):
    logits = np.random.default_rng(3).normal(size=(60, 10))
    with pytest.raises(TableError, match="rankings do not agree"):
        read_scores(saved(logits))
    with pytest.raises(TableError, match="add up to 1: class probabilities"):
        read_scores(saved(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)))
    mean, words = mean_of_seeds([TRUTH, TRUTH], "x")
    assert mean.tolist() == TRUTH.tolist() and words.endswith("of 1")


def test_five_seeds_of_a_report():
    scores = read_scores(case("14-el2n_seeds.npy"))
    np.testing.assert_allclose(scores.values, np.load(CASES / "14-el2n_seeds.npy").mean(axis=0))


# --- infinite, never, masks, uids


def test_infinite_scores_rank_beyond_all(saved):
    values = np.array([0.5, np.inf, -np.inf, 2.0, np.inf])
    scores = read_scores(saved(values))
    assert np.isfinite(scores.values).all()
    assert scores.values[1] == scores.values[4] > 2.0 and scores.values[2] < 0.5
    assert "infinite scores, of 2 examples, rank highest" in scores.notes
    easy = read_scores(saved(values), high="easy").values
    assert easy[1] == easy.min()
    never = read_scores(case("14-forgetting_inf.npy"))
    assert (np.flatnonzero(never.values == never.values.max()) == np.arange(20)).all()


def test_minus_1_for_never_is_asked_about(saved):
    path = saved(np.array([0, 3, -1, 2, -1]))
    with pytest.raises(TableError, match=r"-1 for 2 examples: never .*never='highest'"):
        read_scores(path)
    assert np.argsort(-read_scores(path, never="highest").values, kind="stable")[:2].tolist() == [
        2, 4,
    ]  # fmt: skip
    assert read_scores(path, never="lowest").values.tolist() == [0, 3, -1, 2, -1]
    assert read_scores(saved(np.array([0.5, -1, 2]))).values.tolist() == [0.5, -1, 2]
    assert read_scores(saved(np.array([-2, -1, 2]))).values.tolist() == [-2, -1, 2]


@pytest.mark.parametrize(
    "content", [np.array([True, False, True]), "id,keep\na,True\nb,False\nc,true\n"]
)
def test_masks_are_0_and_1(saved, content):
    scores = read_scores(saved(content))
    assert scores.values.tolist() == [1, 0, 1]
    assert any("mask" in note for note in scores.notes)


def test_pairs_of_u8_are_uids(saved):
    """As DataComp keeps a subset: the 32 hexadecimal digits of a uid in two numbers."""
    uids = [f"{i:032x}" for i in (5, 2**127 + 3, 2**64 + 1)]
    pairs = [(int(uid[:16], 16), int(uid[16:], 16)) for uid in uids]
    path = saved(np.array(pairs[:2], dtype="u8,u8"))
    with pytest.raises(TableError, match="a list of 2 examples by their ids, and no scores"):
        read_scores(path)
    mask = read_scores(path, examples=uids)
    assert mask.values.tolist() == [1, 1, 0] and mask.ids == tuple(uids)
    with pytest.raises(TableError, match="holds 1 ids that are none of the 1 examples"):
        read_scores(path, examples=uids[:1])


def test_uids_beside_scores(tmp_path):
    pairs = np.array([(0, 5), (1, 2)], dtype="u8,u8")
    np.savez(tmp_path / "s.npz", uid=pairs, score=np.array([0.5, 0.1]))
    assert read_scores(tmp_path / "s.npz").ids == (f"{5:032x}", f"{2**64 + 2:032x}")


# --- contradictions


@pytest.mark.parametrize("second", ["high: easy", "High: easy", "high:  easy "])
def test_a_file_that_says_two_things_is_refused(saved, second):
    text = f"# high: hard\n# {second}\nid,score\na,1\nb,2\n"
    with pytest.raises(TableError, match="line 2: high is 'easy', but 'hard' in a line above"):
        read_scores(saved(text))
    assert read_scores(saved(text.replace("easy", "hard"))).high == "hard"


def test_a_file_beside_that_says_two_things_is_refused(saved):
    path = saved(np.array([0.5, 0.25]))
    path.with_name("s.npy.json").write_text('{"high": "hard", "high": "easy"}')
    with pytest.raises(TableError, match="high is 'hard' and 'easy'"):
        read_scores(path)
