"""The program `stitch`: exit codes and streams; `tests/stitching` tests what it answers."""

import json

import cv2
import numpy as np
from helpers import programs


def stitch(folder, *arguments):
    return programs.run("keras_homography.stitch", *arguments, cwd=folder)


def test_two_photos(images, tmp_path):
    image = cv2.resize(images[0, ..., 0], (480, 360))
    for name, begin in (("a.png", 0), ("b.png", 150)):
        cv2.imwrite(str(tmp_path / name), image[:, begin : begin + 320])
    result = stitch(tmp_path, "*.png", "--output_dir=out", "--threads=1")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    matrices = [np.array(answer["panorama_from_image"][name]) for name in ("a.png", "b.png")]
    expected = [[1, 0, 150], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(np.linalg.inv(matrices[0]) @ matrices[1], expected, atol=0.2)
    assert answer["files"] == ["out/panorama.jpg"]
    assert "drawing photo 2/2" in result.stderr


def test_mistakes_are_named_without_a_traceback(tmp_path):
    for arguments, says in (([], "PHOTO... is missing"), (["a.png"], "a.png does not exist")):
        result = stitch(tmp_path, *arguments)
        assert result.returncode == 2
        assert says in result.stderr
        assert "Traceback" not in result.stderr
        assert not result.stdout
