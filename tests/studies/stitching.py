"""`stitch` beside `cv2.Stitcher` on photos whose places are known.

    python tests/studies/stitching.py path/to/coco_val2017 [path/to/oxford]

Renders photos of a plane and photos from one place out of a mosaic of the first folder's images,
turned, tilted, of other exposures and with noise. Of the second folder, one with `graf_1_2/a.jpg`,
`b.jpg` and `b_from_a.txt`, a sequence is what begins with one name. Prints a Markdown table: how
many photos are placed, the mean and largest distance between where a pixel lies in the next photo
and where it should (in the part that both show), and seconds of CPU. Not part of the suite: it
needs images and some minutes.
"""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import time

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.stitching import photo_stitching

SIZE = (800, 600)
FOCAL = 700.0


def mosaic(folder, width, height, rng):
    """A scene of many images, uint8 `[height, width, 3]`."""
    paths = rng.permutation(sorted(folder.rglob("*.jpg")))
    scene, number = np.zeros([height, width, 3], np.uint8), 0
    for top in range(0, height, SIZE[1]):
        for left in range(0, width, SIZE[0]):
            part = scene[top : top + SIZE[1], left : left + SIZE[0]]
            image = cv2.resize(cv2.imread(str(paths[number % len(paths)])), SIZE)
            part[:] = image[: part.shape[0], : part.shape[1]]
            number += 1
    return scene


def exposed(image, rng):
    noisy = image * rng.uniform(0.8, 1.2) + rng.normal(0.0, 2.0, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def plane(folder, count, overlap, seed):
    """Photos of a plane, and `b_from_a` of each and the next."""
    rng = np.random.default_rng(seed)
    step = int(SIZE[0] * (1.0 - overlap))
    scene = mosaic(folder, step * (count - 1) + SIZE[0] + 300, SIZE[1] + 300, rng)
    square = arrays.corners(SIZE).astype(np.float32)
    photos, matrices = [], []
    for number in range(count):
        quad = square + np.array([150 + number * step, 150]) + rng.uniform(-50, 50, [4, 2])
        scene_from_photo = cv2.getPerspectiveTransform(square, quad.astype(np.float32))
        photo_from_scene = np.linalg.inv(scene_from_photo)
        photos.append(exposed(cv2.warpPerspective(scene, photo_from_scene, SIZE), rng))
        matrices.append(photo_from_scene)
    return photos, neighbors(matrices)


def place(folder, count, degrees, seed):
    """Photos from one place, the camera turned by so many degrees each, and `b_from_a`."""
    rng = np.random.default_rng(seed)
    scene = mosaic(folder, int(2 * np.pi * FOCAL), 2 * SIZE[1], rng)
    height, width = scene.shape[:2]
    camera = np.array([[FOCAL, 0, 399.5], [0, FOCAL, 299.5], [0, 0, 1]])
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    photos, matrices = [], []
    for number in range(count):
        pan = np.array([0, np.deg2rad(degrees * (number - (count - 1) / 2)), 0])
        shake = cv2.Rodrigues(np.deg2rad(rng.uniform(-3, 3, 3)))[0]
        rotation = cv2.Rodrigues(pan)[0] @ shake
        rays = np.moveaxis(pixels @ np.linalg.inv(camera).T @ rotation.T, -1, 0)
        u = (np.arctan2(rays[0], rays[2]) / (2 * np.pi) + 0.5) * width
        v = rays[1] / np.hypot(rays[0], rays[2]) * FOCAL + height / 2
        maps = u.astype(np.float32), v.astype(np.float32)
        photos.append(
            exposed(cv2.remap(scene, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP), rng)
        )
        matrices.append(camera @ rotation.T)
    return photos, neighbors(matrices)


def sequence(folder, name):
    """Photos of the Oxford group, and `b_from_a` of the first and each other."""
    folders = sorted(folder.glob(f"{name}_1_*"))
    photos = [cv2.imread(str(folders[0] / "a.jpg"))]
    photos += [cv2.imread(str(path / "b.jpg")) for path in folders]
    return photos, {(0, i): np.loadtxt(p / "b_from_a.txt") for i, p in enumerate(folders, 1)}


def neighbors(photo_from_scene):
    return {
        (i, i + 1): photo_from_scene[i + 1] @ np.linalg.inv(photo_from_scene[i])
        for i in range(len(photo_from_scene) - 1)
    }


def ours(photos, projection):
    """`photo -> photo_from_scene` of what `stitch` answers."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number:02}.png" for number in range(len(photos))]
        for path, photo in zip(paths, photos, strict=True):
            cv2.imwrite(path, photo)
        config = photo_stitching.StitchConfig(tuple(paths), projection, output_dir=folder)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            photo_stitching.run(config)
    placed = {}
    for name, answer in json.loads(printed.getvalue())["panorama_from_image"].items():
        if projection == "cylindrical":
            matrix = camera_matrix(answer["focal"], *answer["center"])
            placed[int(name[:2])] = matrix @ np.transpose(answer["rotation"])
        else:
            placed[int(name[:2])] = np.linalg.inv(answer)
    return placed


def camera_matrix(focal, x, y, aspect=1.0):
    return np.array([[focal, 0, x], [0, focal * aspect, y], [0, 0, 1]])


def opencv(photos, scans):
    """The same of `cv2.Stitcher`, in its mode for scans or for panoramas."""
    stitcher = cv2.Stitcher.create(cv2.Stitcher_SCANS if scans else cv2.Stitcher_PANORAMA)
    if stitcher.estimateTransform(photos) != cv2.Stitcher_OK:
        return {}
    placed = {}
    for index, camera in zip(stitcher.component(), stitcher.cameras(), strict=True):
        size = arrays.image_size(photos[index])
        scale = stitcher.workScale()
        resized = arrays.resizing(size, [round(side * scale) for side in size])
        if scans:
            matrix = camera.R.astype(np.float64)
        else:
            matrix = camera_matrix(camera.focal, camera.ppx, camera.ppy, camera.aspect)
            matrix = matrix @ camera.R.T.astype(np.float64)
        placed[int(index)] = np.linalg.inv(resized) @ matrix
    stitcher.composePanorama()
    return placed


def errors(placed, photos, truth):
    """Mean and largest error of all pairs, pixels."""
    found = []
    for (a, b), matrix in truth.items():
        b_from_a = matrix / matrix[2, 2]
        if a not in placed or b not in placed:
            continue
        width, height = arrays.image_size(photos[a])
        x, y = np.meshgrid(np.linspace(0, width - 1, 15), np.linspace(0, height - 1, 15))
        points = np.stack([x.ravel(), y.ravel()], axis=-1)
        depth = points @ b_from_a[2, :2] + b_from_a[2, 2]
        expected = arrays.transform_points(b_from_a, points)
        inside = (expected >= 0) & (expected < arrays.image_size(photos[b]))
        chosen = inside.all(axis=1) & (depth > 0)
        estimated = placed[b] @ np.linalg.inv(placed[a])
        moved = arrays.transform_points(estimated / estimated[2, 2], points[chosen])
        found.append(np.linalg.norm(moved - expected[chosen], axis=1))
    if not found:
        return "–", "–"
    return f"{np.mean([f.mean() for f in found]):.3f}", f"{max(f.max() for f in found):.3f}"


def main(folder, oxford=None):
    folder = pathlib.Path(folder)
    # Photos, truth, our projection, whether it is a plane: the mode of `cv2.Stitcher`.
    cases = [
        ("12 photos of a plane, 30 % shared", *plane(folder, 12, 0.3, 3), "planar", True),
        ("8 photos of a plane, 50 % shared", *plane(folder, 8, 0.5, 4), "planar", True),
        ("4 photos from one place, 60 degrees", *place(folder, 4, 15.0, 5), "planar", False),
        ("8 photos from one place, 300 degrees", *place(folder, 8, 35.0, 6), "cylindrical", False),
    ]
    if oxford:
        names = sorted({path.name.partition("_")[0] for path in pathlib.Path(oxford).iterdir()})
        cases += [(name, *sequence(pathlib.Path(oxford), name), "planar", True) for name in names]
    print("| photos | by | placed | mean error, px | largest | s of CPU |")
    print("|---|---|---:|---:|---:|---:|")
    for what, photos, truth, projection, is_plane in cases:
        for name, stitcher, mode in (
            ("`stitch`", ours, projection),
            ("`cv2.Stitcher`", opencv, is_plane),
        ):
            begin = time.process_time()
            placed = stitcher(photos, mode)
            seconds = time.process_time() - begin
            mean, largest = errors(placed, photos, truth)
            label = what if stitcher is ours else ""
            print(
                f"| {label} | {name} | {len(placed)}/{len(photos)} | {mean} | {largest} "
                f"| {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
