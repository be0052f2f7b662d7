"""The wheel: what it holds, and that it is the same every time."""

import ast
import pathlib
import zipfile

import pytest
from hatchling.builders import wheel

ROOT = pathlib.Path(__file__).parents[1]
MAX_BYTES = 25_000_000
# A checkout's files that stay at home: they build the page.
NOT_SHIPPED = ("keras_homography/web/src/", "keras_homography/web/package")


def build(folder):
    (path,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(folder))
    return pathlib.Path(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


def test_a_wheel_is_the_same_byte_for_byte(built, tmp_path):
    assert build(tmp_path).read_bytes() == built.read_bytes()


def test_a_wheel_holds_the_package_its_recipes_and_models_and_nothing_else(built):
    assert built.stat().st_size < MAX_BYTES
    names = zipfile.ZipFile(built).namelist()
    metadata = f"{'-'.join(built.stem.split('-')[:2])}.dist-info/"
    shipped = {name for name in names if not name.startswith(metadata)}
    files = {
        path.relative_to(ROOT).as_posix()
        for folder in ("keras_homography", "flags", "saved_models")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
    }
    inside = {
        name if name.startswith("keras_homography/") else f"keras_homography/{name}"
        for name in files
        if not name.startswith(NOT_SHIPPED) and not name.endswith((".mjs", "tsconfig.json"))
    }
    assert shipped == inside


def test_no_module_needs_the_windows_of_opencv():
    # `opencv-python-headless` has none.
    windows = {"imshow", "namedWindow", "waitKey", "destroyAllWindows", "createTrackbar"}
    for path in (ROOT / "keras_homography").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "cv2" or node.attr not in windows, path
