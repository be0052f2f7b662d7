"""The package works with `opencv-python-headless` in the place of `opencv-python`."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers import tools
from helpers.warped_pairs import warped_pair


@pytest.fixture(scope="module")
def headless(tmp_path_factory):
    """A folder with OpenCV without windows, to be found before the other one."""
    folder = tmp_path_factory.mktemp("headless")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    try:
        subprocess.run(
            [*pip, "opencv-python-headless"], check=True, capture_output=True, timeout=120
        )
    except subprocess.SubprocessError:
        tools.missing("opencv-python-headless cannot be installed")
    return folder


def test_two_images_are_aligned(headless, images, tmp_path):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 3, reach=12.0)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, (a, b), strict=True):
        cv2.imwrite(str(path), image)
    code = (
        "import runpy, sys, cv2; assert 'headless' in cv2.__file__, cv2.__file__; "
        "assert 'GUI:                           NONE' in cv2.getBuildInformation(); "
        "runpy.run_module('keras_homography.predict', run_name='__main__', alter_sys=True)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *paths, f"--output_dir={tmp_path / 'out'}", "--panorama"],
        env=os.environ | {"PYTHONPATH": str(headless)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    found = np.array(json.loads(result.stdout)["a_from_b"])
    corners = np.array([[[0, 0], [127, 0], [127, 127], [0, 127]]], float)
    moved = cv2.perspectiveTransform(corners, found)
    assert np.abs(moved - cv2.perspectiveTransform(corners, a_from_b)).max() < 0.5
    assert (tmp_path / "out" / "aligned.png").exists()
