"""What the READMEs say is true: examples, flags, links and pictures; CI runs the tests."""

import pathlib
import re

import cv2
import pytest
from helpers import programs
from helpers.warped_pairs import warped_pair

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob(".github/*.md"),
        *ROOT.glob("saved_models/*.md"),
        *ROOT.glob("keras_homography/*/*.md"),
    ]
)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory, images):
    """A folder with two images and what the README's quickstart leaves behind, after one step."""
    folder = tmp_path_factory.mktemp("readme")
    for name, image in zip("ab", warped_pair(images[0, ..., 0], 0, reach=10.0), strict=False):
        cv2.imwrite(str(folder / f"{name}.jpg"), image)
    (recipe,) = re.findall(r"python -m keras_homography\.train (\S+/quickstart.flags)", README)
    shorter = [
        "--model=homographynet",  # in whose place is a network of two layers
        "--steps=1",
        "--warmup_steps=0",
        "--validation_pairs=4",
        "--norefine",
    ]
    process = programs.run("helpers.tiny_training", recipe, *shorter, cwd=folder)
    assert process.returncode == 0, process.stderr
    return folder


@pytest.mark.long
def test_examples_run_as_they_stand(quickstart):
    pages = [path for path in PAGES if "```python\n" in path.read_text(encoding="utf-8")]
    assert len(pages) >= 4
    result = programs.run("helpers.readme_examples", *map(str, pages), cwd=quickstart)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("ran ") == len(pages)


@pytest.mark.long
def test_files_of_a_run_are_those_the_readme_lists(quickstart):
    table = README.split("and leaves in `--output_dir`:")[1].split("All flags, recipes")[0]
    listed = {
        name.rstrip("/")
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    }
    written = {path.name for path in (quickstart / "runs" / "quickstart").iterdir()}
    assert listed <= written
    # What keeps a run going, and the list of what was written.
    assert written - listed <= {"history.json", "manifest.json"}


def test_flags_exist():
    page = (ROOT / "keras_homography" / "training" / "README.md").read_text(encoding="utf-8")
    process = programs.run("keras_homography.train", "--help")
    rows = re.findall(r"^\| (`--[^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    assert len(rows) >= 10
    for names, _ in rows:
        for name in re.findall(r"--(\w+)", names):
            assert re.search(rf"--(\[no\])?{name}:", process.stdout), name


def test_ci_runs_the_readmes_test_command():
    assert "```bash\npython -m pytest\n```" in README
    assert "\npython -m pytest\npython -m pytest -m long\n" in (ROOT / ".ci" / "run").read_text()


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target.read_text(encoding="utf-8")), link


def headings(text):
    """The anchors that GitHub gives the headings of a page."""
    lines = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
