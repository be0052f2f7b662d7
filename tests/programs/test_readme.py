"""What the README says is true: its examples run, its flags exist, CI runs its test command."""

import os
import pathlib
import re
import subprocess
import sys

import cv2
import pytest
from helpers.warped_pairs import warped_pair

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory, images):
    """A folder with two photos and what the README's quickstart leaves behind, after one step."""
    folder = tmp_path_factory.mktemp("readme")
    for name, image in zip("ab", warped_pair(images[0, ..., 0], 0, reach=10.0), strict=False):
        cv2.imwrite(str(folder / f"{name}.jpg"), image)
    command = re.search(r"python -m keras_homography\.train --flagfile=\S+quickstart.flags", README)
    shorter = [
        "--steps=1",
        "--warmup_steps=0",
        "--validation_pairs=4",
        "--width=0.05",
        "--norefine",
    ]
    environment = os.environ | {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    }
    subprocess.run([*command[0].split(), *shorter], cwd=folder, env=environment, check=True)
    return folder


def test_examples_run_as_they_stand(quickstart):
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(examples) >= 4
    program = "\n".join([*examples, "assert h4pt.shape == (1, 4, 2)", "print(b_from_a.shape)"])
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=quickstart, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "(3, 3)"


def test_files_of_a_run_are_those_the_readme_lists(quickstart):
    table = README.split("leaves in\n`--output_dir`:")[1].split("**Stop and go on.**")[0]
    listed = {name.rstrip("/") for row in table.splitlines() for name in _names(row)}
    there = {path.name for path in (quickstart / "runs" / "quickstart").iterdir()}
    assert listed <= there
    assert there - listed == {"history.json"}  # the part of metrics.json that grows meanwhile


def _names(row):
    return re.findall(r"`([^`]+)`", row.split("|")[1]) if row.startswith("| `") else []


def test_flags_exist():
    result = subprocess.run(
        [sys.executable, "-m", "keras_homography.train", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = re.findall(r"^\| (`--[^|]+) \| ([^|]+) \|", README, re.MULTILINE)
    assert len(rows) >= 10
    for names, _ in rows:
        for name in re.findall(r"--(\w+)", names):
            assert re.search(rf"--(\[no\])?{name}:", result.stdout), name


def test_ci_runs_the_readmes_test_command():
    assert re.search(r"```bash\npython -m pytest\n```", README)
    assert (ROOT / ".ci" / "run").read_text().endswith("\npython -m pytest\n")


def test_pictures_exist():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
