"""OpenCLIP files: true pool sizes, final points, and rows that are not of the study."""

import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers import read

HEADER = "arch,samples_seen,upstream_dataset,downstream_dataset,acc1,task,name"
ROWS = [
    "ViT-B-32,2560013280.0,LAION-80M,imagenet1k,0.52,zeroshot_classification,small",
    "ViT-B-32,13000000000.0,LAION-2B,imagenet1k,0.625,zeroshot_classification,large",
    "ViT-B-16,34215895056.0,LAION-400M,imagenet1k,0.69,zeroshot_classification,middle",
    "ViT-B-32,13000000000.0,LAION-2B,vtab/svhn,0.4,zeroshot_classification,large",
    "ViT-B-32,13000000000.0,LAION-2B,flickr30k,,zeroshot_retrieval,large",
    "ViT-B-32,12800000000.0,CLIP-WIT,imagenet1k,0.633,zeroshot_classification,",
    "ViT-L-14,12800000000.0,CLIP-WIT,imagenet1k,0.75,zeroshot_classification,openai",
    "ViT-B-32,12800000000.0,DataComp,imagenet1k,0.69,zeroshot_classification,other",
]
INFO = """name,arch,data,lr,epochs,samples_per_epoch
small,ViT-B/32,80M,0.0005,32,80000415
large,ViT-B/32,2B,0.001,65,200000000
"""


@pytest.fixture
def folder(tmp_path):
    """A small folder like the published one."""
    (tmp_path / "zeroshot_results.csv").write_text("\n".join([HEADER, *ROWS, ""]))
    (tmp_path / "trained_models_info.csv").write_text(INFO)
    return tmp_path


def with_row(folder, row: str):
    (folder / "zeroshot_results.csv").write_text("\n".join([HEADER, *ROWS, row, ""]))
    return folder


def test_pools_are_true_sizes_not_virtual_epochs(folder):
    sweep = read(folder)
    sizes = dict(zip(sweep["run"], sweep["unique_samples"], strict=True))
    assert sizes == {"small": 80_000_415, "large": 2.0e9, "middle": 407_332_084}
    epochs = dict(zip(sweep["run"], sweep["epochs"], strict=True))
    assert epochs["large"] == pytest.approx(6.5)
    assert epochs["small"] == pytest.approx(32)
    assert sweep.values("pool") == ["LAION"]
    assert sweep.values("group") == ["ViT-B-16", "ViT-B-32"]
    assert sweep["error"] == pytest.approx([0.48, 0.375, 0.31])
    assert sweep.values("metric") == ["imagenet1k error"]


def test_what_is_left_out_is_said(folder):
    notes = "\n".join(read(folder).notes)
    assert "dropped 2 rows without a run" in notes
    assert "dropped 1 rows whose pool size is not known: DataComp" in notes
    assert "learning rate (0.0005, 0.001)" in notes
    assert "final points only" in notes
    assert "virtual" in notes


def test_file_is_recognised_by_content(folder):
    path = (folder / "zeroshot_results.csv").rename(folder / "anything.csv")
    assert len(read(path)) == 3
    assert len(read(folder)) == 3


def test_a_file_without_compute_is_read_all_the_same(folder):
    assert "compute" not in read(folder).columns


def test_compute_is_gmacs_total(shared_data):
    sweep = read(shared_data / "openclip").select(group="ViT-B-16")
    assert sweep["compute"] / sweep["samples_seen"] == pytest.approx(20.57)


def test_other_task_and_other_pool(folder):
    assert read(folder, downstream="vtab/svhn")["error"] == pytest.approx([0.6])
    assert "other" in read(folder, pool_sizes={"DataComp": 1.28e8})["run"]


def test_unknown_task_lists_those_with_accuracy(folder):
    for name in ("imagenet", "flickr30k"):
        with pytest.raises(TableError) as raised:
            read(folder, downstream=name)
        assert f"{name!r}" in str(raised.value)
        assert str(raised.value).endswith("available downstream: imagenet1k, vtab/svhn")


def test_bad_cells_name_line_and_column(folder):
    bad = "ViT-B-32,1e9,LAION-80M,imagenet1k,52.0,zeroshot_classification,percent"
    with pytest.raises(TableError, match=r"results.csv, line 10, column 'acc1'.*52.0.*percent"):
        read(with_row(folder, bad))
    bad = "ViT-B-32,many,LAION-80M,imagenet1k,0.5,zeroshot_classification,uncounted"
    with pytest.raises(TableError, match=r"line 10, column 'samples_seen'.*\(0, inf\).*'many'"):
        read(with_row(folder, bad))


def test_run_listed_twice(folder):
    with pytest.raises(TableError, match="line 10, column 'name': run 'small' is listed twice"):
        read(with_row(folder, ROWS[0]))


def test_options_are_checked(folder):
    with pytest.raises(InputError, match="mapping"):
        read(folder, mapping={"error": "acc1"})
    with pytest.raises(InputError, match=r"pool_sizes\['LAION-2B'\].*-1"):
        read(folder, pool_sizes={"LAION-2B": -1.0})
    with pytest.raises(InputError, match=r"'constants'.*openclip reader"):
        read(folder, constants={"pool": "web"})


def test_two_result_files_are_ambiguous(folder):
    (folder / "copy.csv").write_text("\n".join([HEADER, ROWS[0], ""]))
    with pytest.raises(TableError, match=r"name one: copy.csv, zeroshot_results.csv"):
        read(folder)


def test_no_row_of_the_study(tmp_path):
    (tmp_path / "results.csv").write_text("\n".join([HEADER, ROWS[5], ""]))
    with pytest.raises(TableError, match=r"no row is left.*OpenAI"):
        read(tmp_path)


def test_published_files(shared_data):
    sweep = read(shared_data / "openclip")
    assert len(sweep) == 18
    assert sweep["run"].size == len(sweep.values("run"))
    assert sweep.values("unique_samples") == [80_000_415, 407_332_084, 2.0e9]
    for group in ("ViT-B-16", "ViT-B-32"):
        assert len(sweep.select(group=group)) == 9
    best = sweep.select(run="Model-B-16_Data-2B_Samples-34B_lr-1e-3_bs-88k.pt")
    assert best["error"] == pytest.approx([1 - 0.70222])
    assert best["epochs"] == pytest.approx([17.1079], rel=1e-4)
    with pytest.raises(TableError, match="mnist"):
        read(shared_data / "openclip", downstream="mscoco_captions")
