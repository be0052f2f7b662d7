"""The example in C++ is built by the README's command, and answers as Python does."""

import pathlib
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers import tools

from keras_homography import geometry, models
from keras_homography.saving import networks, tflite_format

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / "saved_models" / "homography.tflite"
HEADER = pathlib.Path("/usr/include/opencv4/opencv2/imgcodecs.hpp")


@pytest.fixture(scope="module")
def align(tmp_path_factory):
    """The program, built."""
    if not shutil.which("g++") or not HEADER.exists():
        tools.missing("C++: apt-get install g++ libopencv-imgcodecs-dev")
    page = (ROOT / "keras_homography" / "saving" / "README.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\napt-get install g\+\+.*?\n(.*?)\./align", page, re.DOTALL)
    program = tmp_path_factory.mktemp("cpp") / "align"
    commands = commands.replace("-o align", f"-Wall -Werror -o {program}")
    commands = commands.replace("$(python ", f"$({sys.executable} ")
    subprocess.run(["bash", "-e", "-c", commands], cwd=ROOT, check=True)
    return program


def run(align, *arguments):
    command = [align, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)


def test_two_images_of_two_sizes_are_aligned_as_in_python(align, images, tmp_path):
    image_a = cv2.resize(images[0, :, :, 0], (480, 360))
    b_from_a = np.array([[0.62, 0.05, 12.0], [-0.03, 0.64, 9.0], [1e-4, -5e-5, 1.0]])
    image_b = cv2.warpPerspective(image_a, b_from_a, (300, 230), flags=cv2.INTER_AREA)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, (image_a, image_b), strict=True):
        cv2.imwrite(str(path), image)

    result = run(align, *paths, MODEL, tmp_path / "aligned.png")

    assert result.returncode == 0, result.stderr
    printed = re.search(r"b_from_a \[(.*)\]", result.stdout)[1]
    printed = np.array(printed.split(","), float).reshape(3, 3)
    resized = [cv2.resize(i, (128, 128), interpolation=cv2.INTER_AREA) for i in (image_a, image_b)]
    pair = np.stack(resized, axis=-1)[None].astype(np.float32)
    h4pt = np.asarray(networks.open_network(str(MODEL))(pair))
    patch_a_from_b = np.asarray(geometry.matrix_from_h4pt(h4pt, 128))[0]
    scales = [np.diag([size[1] / 128, size[0] / 128, 1]) for size in (image_a.shape, image_b.shape)]
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centers at halves
    scale_a, scale_b = (np.linalg.inv(half) @ scale @ half for scale in scales)
    expected = scale_b @ np.linalg.inv(patch_a_from_b) @ np.linalg.inv(scale_a)
    corners = np.array([[[0, 0], [480, 0], [480, 360], [0, 360]]], float)
    moved = cv2.perspectiveTransform(corners, printed)
    assert np.abs(moved - cv2.perspectiveTransform(corners, expected)).max() < 0.02
    assert np.abs(moved - cv2.perspectiveTransform(corners, b_from_a)).max() < 1

    assert float(re.search("h4pt_error (.*)", result.stdout)[1]) < 1
    aligned = cv2.imread(str(tmp_path / "aligned.png"), cv2.IMREAD_GRAYSCALE)
    assert aligned.shape == image_b.shape
    seen = image_b > 0
    assert np.abs(aligned.astype(float) - image_b)[seen].mean() < 3


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_file_that_cannot_be_read_is_named(align, images, tmp_path, missing):
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), images[0])
    arguments = [image, image, MODEL]
    arguments[missing] = tmp_path / "absent"
    result = run(align, *arguments, tmp_path / "aligned.png")
    assert result.returncode == 2
    assert f"cannot read {tmp_path / 'absent'}" in result.stderr
    assert not (tmp_path / "aligned.png").exists()


def test_a_model_of_other_patches_is_refused(align, images, tmp_path):
    small = models.build("mobile", patch_size=64, rho=16, width=0.1)
    path = tmp_path / "small.tflite"
    tflite_format.write(small, path)
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), images[0])
    result = run(align, image, image, path, tmp_path / "aligned.png")
    assert result.returncode == 2
    assert "does not take pairs of 128x128" in result.stderr


def test_a_picture_of_an_unknown_format_is_an_error(align, images, tmp_path):
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), images[0])
    result = run(align, image, image, MODEL, tmp_path / "aligned")
    assert result.returncode == 2
    assert "terminate" not in result.stderr
