"""`tests/studies/tables.py` makes the tables of the READMEs by the commands above them."""

import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CONDITIONS = [("none", 0.0), ("photometric", 1.0), ("photometric", 2.0)]
CONDITIONS += [("occlusion", 1.0), ("occlusion", 2.0)]


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(ROOT / "tests" / "studies"))
    import tables

    return tables


@pytest.fixture
def metrics(tmp_path):
    """Write `metrics.json` with rows; the folder."""

    def write(rows, **fields):
        (tmp_path / "metrics.json").write_text(json.dumps({"rows": rows, **fields}))
        return tmp_path

    return write


def test_every_table_has_a_renderer_and_commands(tables):
    found = []
    for page in tables.pages():
        text = page.read_text(encoding="utf-8")
        for match in tables._TABLE.finditer(text):
            name, standing = match.groups()
            found.append(name)
            commands = tables.command_above(text, match.start())
            assert commands, name
            assert all(command[0] == "python" for command in commands)
            assert standing.startswith("| ")
            assert {line[0] for line in standing.splitlines()} == {"|"}
    assert sorted(found) == sorted(tables.table_renderers.RENDERERS)


def test_a_command_runs_once_with_the_paths_that_are_given(tables, tmp_path):
    command = ["python", "-c", "import sys; print('|', sys.argv[1], '|')", "path/to/photos"]
    with pytest.raises(LookupError, match="photos"):
        tables.run([command], {}, tmp_path)
    (folder,) = tables.run([command], {"photos": "/some/where"}, tmp_path)
    assert tables.table_renderers.printed(folder) == ["| /some/where |"]
    (folder / "stdout.txt").write_text("| kept |\n")
    assert tables.run([command], {"photos": "/some/where"}, tmp_path) == [folder]
    assert tables.table_renderers.printed(folder) == ["| kept |"]


def protocol_rows():
    names = ["saved_models/homography.tflite", "estimator", "sift_ransac", "sift_x2_ransac"]
    names += ["sift_ecc", "orb_ransac", "identity"]
    figures = {"mace": 0.0456, "median": 12.34, "under_1px": 0.995, "not_returned": 2}
    figures |= {"ms_median": 4.44, "ms_mean": 123.4, "mace_low": 0.04, "mace_high": 1.5}
    return [
        {"estimator": name, "distortion": distortion, "strength": strength, **figures}
        for name in names
        for distortion, strength in CONDITIONS
    ]


def test_figures_of_the_protocols(tables, metrics):
    made = tables.table_renderers
    folder = metrics(protocol_rows(), photos=20, protocol={"name": "coco128"})
    head, rule, first, *_ = made.errors(folder)
    titles = "clean | photometric | photometric x2 | occlusion | occlusion x2"
    assert head == f"| MACE / median / under 1 px | {titles} |"
    assert rule == "|---|---:|---:|---:|---:|---:|"
    cells = " | ".join(["0.046 / 12.3 / 99.5 %"] * 5)
    assert first == f"| **shipped model, TFLite** | {cells} |"
    assert made.times(folder)[3].startswith("| **`HomographyEstimator`** | 2; 4.4 / 123 |")
    assert not [line for line in made.times(folder) if "identity" in line]
    assert "| 0.046 / 99.5 %, 2 refused |" in made.summary(folder)[3]
    assert "0.046 (0.040–1.50)" in made.intervals(folder)[2]


def test_figures_of_real_pairs_are_summed(tables, metrics):
    base = {"estimator": "estimator", "wrong": 0, "refused": 1}
    rows = [
        {**base, "kind": "day", "pairs": 2, "right_5px": 1, "auc_5": 0.2},
        {**base, "kind": "map", "pairs": 6, "right_5px": 5, "auc_5": 0.6},
        {**base, "kind": "sensors/night", "pairs": 4, "right_5px": 3, "auc_5": 0.5},
        {**base, "kind": None, "pairs": 12, "right_5px": 9, "auc_5": 0.5},
    ]
    lines = tables.table_renderers.pairs(metrics(rows))
    assert lines[2] == "| **photographs** | 8 | 6 / 0 / 2 | 50.0 |"
    assert lines[5:] == [
        "| **sensors** | 4 | 3 / 0 / 1 | 50.0 |",
        "| sensors/night | 4 | 3 / 0 / 1 | 50.0 |",
    ]


def test_figures_of_traps(tables, metrics):
    base = {"estimator": "estimator", "right": 1, "wrong": 2, "unsure": 3, "refused": 4}
    rows = [
        {**base, "kind": None, "expected": None, "pairs": 10},
        {**base, "kind": "sky", "expected": "either", "pairs": 10},
    ]
    assert tables.table_renderers.traps(metrics(rows))[2:] == [
        "| all | 10 |  | 1 / 2 / 3 / 4 |",
        "| sky | 10 | either | 1 / 2 / 3 / 4 |",
    ]


def test_figures_of_benchmarks(tables, tmp_path):
    made = tables.table_renderers
    line = {"value": 5.0, "unit": "ms", "reference": "SIFT", "reference_value": 20.0, "ratio": 4.0}
    lines = [
        line | {"case": "calm, speed", "threads": 1},
        line | {"case": "calm, ms", "threads": 1},
    ]
    (tmp_path / "stdout.txt").write_text("\n".join(map(json.dumps, lines)))
    assert made.benchmark(tmp_path)[2] == "| `calm, speed` | 5 ms | 20 (SIFT) | 4.00 |"
    assert made.inference(tmp_path)[2] == "| `calm, speed` | 5.0 / 20.0 = 0.25 |"
    assert "1 thread" in made.inference(tmp_path)[0]
    assert made.video(tmp_path)[2] == "| calm | 5 / 20 | 5 / 20 |"
    assert re.match(r"\| video \| speed, ms \| ms, ms \|", made.video(tmp_path)[0])
