"""Many photos to one panorama: what is answered, and what the picture shows."""

import json

import cv2
import numpy as np
import pytest
from helpers.photos import largest_error

from keras_homography.geometry import arrays
from keras_homography.stitching import photo_stitching
from keras_homography.stitching.photo_stitching import StitchConfig
from keras_homography.utils.errors import UserError


@pytest.fixture
def stitch(tmp_path, capsys):
    """Write photos and stitch them; returns their number, the answer and the messages."""

    def run(photos, projection="planar", **options):
        for name, photo in photos.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            if isinstance(photo, bytes):
                (tmp_path / name).write_bytes(photo)
            else:
                cv2.imwrite(str(tmp_path / name), photo)
        paths = tuple(str(tmp_path / name) for name in photos)
        config = StitchConfig(paths, projection, output_dir=str(tmp_path / "out"), **options)
        count = photo_stitching.run(config)
        output = capsys.readouterr()
        return count, json.loads(output.out), output.err

    return run


@pytest.mark.long
def test_photos_of_a_plane(stitch, scene, plane_photos, images, tmp_path):
    photos, scene_from_photo = plane_photos
    files = {f"{number}.png": photo for number, photo in enumerate(photos)}
    stranger = {"stranger.png": images[2, ..., 0], "broken.png": b"no image"}
    count, answer, errors = stitch(files | stranger)
    assert count == 4
    assert set(answer["left_out"]) == set(stranger)
    assert "shares nothing with any other photo" in answer["left_out"]["stranger.png"]
    assert "broken.png" in errors
    assert answer["projection"] == "planar"
    matrices = [np.array(answer["panorama_from_image"][name]) for name in files]
    for a, b in [(0, 1), (1, 2), (2, 3)]:
        error = largest_error(
            np.linalg.inv(matrices[b]) @ matrices[a],
            np.linalg.inv(scene_from_photo[b]) @ scene_from_photo[a],
            arrays.image_size(photos[a]),
            arrays.image_size(photos[b]),
        )
        assert error < 1.0, (a, b)
    # The reference lies on the panorama as it is; other photos around it.
    reference = answer["panorama_from_image"][answer["reference"]]
    np.testing.assert_allclose(np.array(reference)[:2, :2], np.eye(2), atol=1e-9)
    panorama = cv2.imread(str(tmp_path / "out" / "panorama.jpg"))
    assert panorama.shape[1::-1] == tuple(answer["size"])
    number = int(answer["reference"][0])
    scene_from_panorama = scene_from_photo[number] @ np.linalg.inv(matrices[number])
    expected = cv2.warpPerspective(
        scene, scene_from_panorama, panorama.shape[1::-1], flags=cv2.WARP_INVERSE_MAP | 1
    )
    covered = np.zeros(panorama.shape[:2], np.uint8)
    for photo, matrix in zip(photos, matrices, strict=True):
        _, mask = arrays.warp_image(photo, matrix, panorama.shape[1::-1])
        covered |= cv2.erode(mask.astype(np.uint8), np.ones([15, 15]), borderValue=0)
    assert covered.mean() > 0.5
    # Details of the scene lie where they should, once: no ghosts.
    details = []
    for image in (panorama, expected):
        fine, coarse = (cv2.GaussianBlur(image.astype(float), (0, 0), s) for s in (1.0, 4.0))
        details.append((fine - coarse)[covered > 0].ravel())
    assert np.corrcoef(*details)[0, 1] > 0.95


def test_photos_from_one_place_on_a_cylinder(stitch, turned_photos):
    photos, photo_from_direction = turned_photos
    files = {f"{number}.png": photo for number, photo in enumerate(photos)}
    count, answer, _ = stitch(files, "cylindrical")
    assert count == 4
    assert answer["projection"] == "cylindrical"
    matrices = []
    for name in files:
        camera = answer["panorama_from_image"][name]
        assert camera["focal"] == pytest.approx(330.0, rel=0.01)
        rotation = np.array(camera["rotation"])
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        matrix = np.diag([camera["focal"], camera["focal"], 1.0])
        matrix[:2, 2] = camera["center"]
        matrices.append(matrix @ rotation.T)
    size = arrays.image_size(photos[0])
    for a in range(3):
        error = largest_error(
            matrices[a + 1] @ np.linalg.inv(matrices[a]),
            photo_from_direction[a + 1] @ np.linalg.inv(photo_from_direction[a]),
            size,
            size,
        )
        assert error < 1.0, a
    # As the README says: a pixel of a photo lies where its line of sight meets the cylinder.
    width, height = answer["size"]
    radius, (x, y) = answer["cylinder"]["radius"], answer["cylinder"]["axis"]
    directions = [np.linalg.inv(matrices[i]) @ [*np.array(size) / 2, 1.0] for i in (0, 3)]
    across = [radius * np.arctan2(d[0], d[2]) + x for d in directions]
    assert 0 < across[0] < across[1] < width
    assert 0 < y < height


def test_a_panorama_is_shrunk_to_its_limit(stitch, plane_photos):
    photos = dict(zip(["a.png", "b.png"], plane_photos[0], strict=False))
    _, answer, _ = stitch(photos, max_megapixels=0.05)
    width, height = answer["size"]
    assert 0.04 < width * height / 1e6 < 0.06
    matrix = np.array(answer["panorama_from_image"][answer["reference"]])
    assert matrix[0, 0] == pytest.approx(answer["scale"], rel=1e-6)
    assert answer["scale"] < 1.0


def test_photos_of_one_name_are_called_by_their_paths(stitch, plane_photos, tmp_path):
    count, answer, _ = stitch({"x/1.png": plane_photos[0][0], "y/1.png": plane_photos[0][1]})
    assert count == 2
    assert set(answer["panorama_from_image"]) == {str(tmp_path / n / "1.png") for n in "xy"}


def test_photos_that_share_nothing_give_no_panorama(stitch, images, tmp_path):
    count, answer, errors = stitch({"a.png": images[0, ..., 0], "b.png": images[1, ..., 0]})
    assert count == 0
    assert answer["reference"] is None
    assert set(answer["left_out"]) == {"a.png", "b.png"}
    assert "no two photos belong together" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (("a.png",), "at least two photos; got 1"),
        (("a.png", "none.png"), "none.png does not exist"),
        (("none*.png",), "No file matches"),
        (("a.png", "folder"), "is a folder"),
        (("a.png", "a.png"), "at least two photos; got 1"),
    ],
)
def test_a_users_mistake_is_named(paths, says, tmp_path, monkeypatch, images):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", images[0])
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=says):
        photo_stitching.run(StitchConfig(paths))
