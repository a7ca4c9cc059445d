"""Features, labels and probes from files."""

import json

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.features.files import (
    check_kept_file,
    read_features,
    read_labels,
    read_vector,
    write_kept,
)

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


def test_every_kind_of_file_gives_the_same(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float16))
    np.savez(tmp_path / "x.npz", X=X, y=Y)
    table = pd.DataFrame(X, columns=list("abc")).assign(label=Y)
    table.to_csv(tmp_path / "x.csv", index=False)
    table.to_parquet(tmp_path / "x.parquet")
    mapped, none = read_features(tmp_path / "x.npy")
    assert none is None and isinstance(mapped, np.memmap) and np.array_equal(mapped, X)
    for name in ("x.npz", "x.csv", "x.parquet"):
        features, labels = read_features(tmp_path / name)
        assert np.array_equal(features, X) and labels.astype(int).tolist() == Y.tolist()
    with pytest.raises(TableError, match="no column 'kind' of labels"):
        read_features(tmp_path / "x.csv", "kind")
    with pytest.raises(TableError, match=r"no array 'kind'; there are X, y"):
        read_features(tmp_path / "x.npz", "kind")
    images = np.zeros((5, 2, 2, 3))
    np.save(tmp_path / "images.npy", images)
    assert read_features(tmp_path / "images.npy")[0].shape == (5, 12)


def test_labels_and_probes(tmp_path):
    np.save(tmp_path / "y.npy", Y[:, None])
    assert read_labels(tmp_path / "y.npy").tolist() == Y.tolist()
    for text in ("label\ncat\ndog\n", "cat\ndog\n", "id,label\n1,cat\n2,dog\n"):
        (tmp_path / "y.csv").write_text(text)
        wanted = ["cat", "dog"] if "label" in text else ["dog"]
        assert read_labels(tmp_path / "y.csv").tolist()[-len(wanted) :] == wanted
    (tmp_path / "y.txt").write_text("0\n1\n0\n")
    assert read_labels(tmp_path / "y.txt").tolist() == ["0", "1", "0"]
    (tmp_path / "y.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="which column holds the labels"):
        read_labels(tmp_path / "y.csv")
    (tmp_path / "t.txt").write_text("1, 2\n3\n")
    assert read_vector(tmp_path / "t.txt").tolist() == [1, 2, 3]
    np.save(tmp_path / "t.npy", np.ones((1, 3)))
    assert read_vector(tmp_path / "t.npy").tolist() == [1, 1, 1]
    (tmp_path / "t.txt").write_text("1, x\n")
    with pytest.raises(TableError, match="probe must be numbers"):
        read_vector(tmp_path / "t.txt")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", "a,b\n1,2\n3,x\n", "line 3, column 'b': features must be numbers, got 'x'"),
        ("x.npy", np.array(["a"]), "features must be numbers"),
        ("x.npy", np.array([object()]), "cannot be read"),
        ("x.npz", {"z": X}, "no array called features"),
        ("none.npy", None, "no such file"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, words):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(TableError, match=words):
        read_features(path)


def test_rows_to_keep_are_new_files(tmp_path):
    rows, said = np.array([3, 5]), {"rule": "hard"}
    for name in ("k.npy", "k.csv", "k.jsonl"):
        write_kept(tmp_path / name, rows, said)
        with pytest.raises(InputError, match="new file"):
            write_kept(tmp_path / name, rows, said)
    assert np.load(tmp_path / "k.npy").tolist() == [3, 5]
    assert json.loads((tmp_path / "k.npy.json").read_text()) == said
    assert (tmp_path / "k.csv").read_text() == '# {"rule": "hard"}\nrow\n3\n5\n'
    assert (tmp_path / "k.jsonl").read_text().splitlines()[1] == '{"row": 3}'
    with pytest.raises(InputError, match="must end in one of"):
        check_kept_file("--out-kept", "kept.txt")
