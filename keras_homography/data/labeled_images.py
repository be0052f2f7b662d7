"""Read labeled pairs to train on: gray images of a bounded size, one homography each, scenes.

A pair whose truth cannot be learned from is left out with a reason; the others go on.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import numpy.typing as npt

from keras_homography.data import labeled_pairs
from keras_homography.data.labeled_pairs import LabeledPair
from keras_homography.geometry import arrays
from keras_homography.utils import files, image_input
from keras_homography.utils.errors import UserError

_GRID = 25  # points a side, on which a homography is checked
_MIN_SHOWN = 0.1  # of A, by B
_MAX_ZOOM = 32.0  # between A and B: beyond it the truth is no homography of photos
_OUTSIDE = 1.0  # pixels, by which a marked point may lie outside its image
_HELD_OUT = 5  # one scene in so many is for validation


@dataclasses.dataclass(frozen=True, eq=False)
class GrayImage:
    """An image of a pair.

    Attributes:
      pixels: uint8 `[height, width]`.
      digest: of the pixels: the same for the same image, whatever its file is called.
      from_file: float64 `[3, 3]`, pixels of the file's image to these.
    """

    pixels: npt.NDArray[np.uint8]
    digest: str
    from_file: npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class AlignedPair:
    """Two images and their homography.

    Attributes:
      name: of the pair, as in `LabeledPair`.
      image_a: image A.
      image_b: image B.
      b_from_a: float64 `[3, 3]`, pixels of `image_a` to pixels of `image_b`, scaled so that what B
        shows of A has a positive depth, 1 on average.
      residual: mean distance of the marked points of B from those of A under the homography, pixels
        of `image_b`; None where the truth is a matrix.
    """

    name: str
    image_a: GrayImage
    image_b: GrayImage
    b_from_a: npt.NDArray[np.float64]
    residual: float | None


def read_folder(
    folder: str | os.PathLike[str], *, width: int, height: int, min_side: int, max_residual: float
) -> tuple[list[AlignedPair], dict[str, str]]:
    """Read all labeled pairs below a folder, with a progress bar.

    Args:
      folder: in the layouts of `labeled_pairs`.
      width: of the box that images are reduced to fit into, in pixels; it is turned for upright
        images. Aspects stay.
      height: of that box.
      min_side: smallest side of a usable image once it fits, in pixels.
      max_residual: of a homography fitted to points, in pixels of the reduced B.

    Returns:
      `(pairs, skipped)`: in order of their names; `{name: reason}` of those that are left out.

    Raises:
      UserError: there is no labeled pair, or none of them can be used.
    """
    found, reasons = labeled_pairs.find_labeled_pairs(folder)
    skipped: dict[str, str] = {}
    for name, reason in reasons.items():
        files.record_skipped(name, reason, skipped)
    images: dict[pathlib.Path, GrayImage] = {}  # a sequence has one image A

    def read(path: pathlib.Path) -> GrayImage:
        if path not in images:
            images[path] = _read_image(path, width, height, min_side)
        return images[path]

    pairs = []
    progress = keras.utils.Progbar(len(found), unit_name="pair")
    for pair in found:
        progress.add(1)
        try:
            aligned = _align(pair, read(pair.path_a), read(pair.path_b))
            if aligned.residual is not None and aligned.residual > max_residual:
                raise UserError(
                    f"no homography fits its points: {aligned.residual:.2f} px off on average, "
                    f"above --max_residual={max_residual:g}"
                )
            pairs.append(aligned)
        except UserError as error:
            files.record_skipped(pair.name, str(error), skipped)
    if not pairs:
        reason = "; ".join(f"{name}: {text}" for name, text in list(skipped.items())[:3])
        raise UserError(f"None of the {len(skipped)} pairs below {folder} can be used: {reason}.")
    return pairs, skipped


def split_by_scene(pairs: Sequence[AlignedPair]) -> tuple[list[AlignedPair], list[AlignedPair]]:
    """Split pairs for training and validation: every fifth scene is held out, at least one.

    Pairs that share an image are of one scene.

    Args:
      pairs: in order of their names.

    Returns:
      `(training, validation)`.

    Raises:
      UserError: all pairs are of one scene.
    """
    scenes = group_by_scene(pairs)
    if len(scenes) < 2:
        raise UserError(
            f"The {len(pairs)} usable pairs are of one scene, which cannot be split for "
            "validation. Add pairs of another one, or give other pairs by --validation_dataset."
        )
    held_out = scenes[:: min(_HELD_OUT, len(scenes))]
    names = {pair.name for scene in held_out for pair in scene}
    return (
        [pair for pair in pairs if pair.name not in names],
        [pair for pair in pairs if pair.name in names],
    )


def group_by_scene(pairs: Sequence[AlignedPair]) -> list[list[AlignedPair]]:
    """Group pairs that share an image, directly or by others, in order of their first pairs.

    Args:
      pairs: to group.
    """
    scenes: list[tuple[set[str], list[AlignedPair]]] = []
    for pair in pairs:
        digests, members = {pair.image_a.digest, pair.image_b.digest}, [pair]
        separate = []
        for other in scenes:
            if digests & other[0]:
                digests, members = digests | other[0], other[1] + members
            else:
                separate.append(other)
        scenes = [*separate, (digests, members)]
    order = {pair.name: number for number, pair in enumerate(pairs)}
    return sorted((members for _, members in scenes), key=lambda scene: order[scene[0].name])


def _read_image(path: pathlib.Path, width: int, height: int, min_side: int) -> GrayImage:
    gray = image_input.as_gray(image_input.read_image(path), path.name)
    size = arrays.image_size(gray)
    box = (width, height) if (size[0] < size[1]) == (width < height) else (height, width)
    scale = min(1.0, box[0] / size[0], box[1] / size[1])
    reduced = round(size[0] * scale), round(size[1] * scale)
    if min(reduced) < min_side:
        within = "" if scale == 1.0 else f" once it fits into --image_size={width},{height}"
        raise UserError(
            f"{path.name} has {reduced[0]}x{reduced[1]} pixels{within}, less than --patch_size="
            f"{min_side}"
        )
    pixels = gray if scale == 1.0 else cv2.resize(gray, reduced, interpolation=cv2.INTER_AREA)
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return GrayImage(pixels, digest, arrays.resizing(size, reduced))


def _align(pair: LabeledPair, image_a: GrayImage, image_b: GrayImage) -> AlignedPair:
    residual = None
    if pair.points is not None:
        points = [
            _reduce_points(points, image, name)
            for points, image, name in (
                (pair.points[:, :2], image_a, "A"),
                (pair.points[:, 2:], image_b, "B"),
            )
        ]
        b_from_a = _fit(*points)
        moved = arrays.transform_points(b_from_a, points[0])
        residual = float(np.linalg.norm(moved - points[1], axis=1).mean())
    else:
        assert pair.b_from_a is not None
        b_from_a = image_b.from_file @ pair.b_from_a @ np.linalg.inv(image_a.from_file)
    return AlignedPair(pair.name, image_a, image_b, _scale(b_from_a, image_a, image_b), residual)


def _reduce_points(points: np.ndarray, image: GrayImage, name: str) -> np.ndarray:
    """Map marked points, pixels of the file's image, to those of the reduced image."""
    reduced = arrays.transform_points(image.from_file, points)
    limit = np.array(arrays.image_size(image.pixels)) - 1 + _OUTSIDE
    outside = ~((reduced >= -_OUTSIDE) & (reduced <= limit)).all(axis=1)
    if outside.any():
        row = int(outside.argmax())
        raise UserError(
            f"row {row + 1} of points.txt, ({points[row, 0]:g}, {points[row, 1]:g}), lies outside "
            f"image {name}"
        )
    return reduced


def _fit(points_a: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Fit `b_from_a` to all points, least squares: an outlier shows in the residual."""
    for name, points in (("A", points_a), ("B", points_b)):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] < 1e-3 * spread[0] or spread[0] < 1.0:
            raise UserError(f"its points lie on one line in image {name}: no homography follows")
    b_from_a, _ = cv2.findHomography(points_a, points_b, 0)
    if b_from_a is None or not np.isfinite(b_from_a).all():
        raise UserError("no homography follows from its points")
    return b_from_a


def _scale(b_from_a: np.ndarray, image_a: GrayImage, image_b: GrayImage) -> np.ndarray:
    """Give a homography the sign and scale of `AlignedPair`, or say why it cannot be a truth."""
    size_a, size_b = (np.array(arrays.image_size(image.pixels)) for image in (image_a, image_b))
    x, y = (np.linspace(0.0, side - 1.0, _GRID) for side in size_a)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    depth = np.column_stack([points, np.ones(len(points))]) @ b_from_a[2]

    def shown_by(sign: int) -> np.ndarray:
        moved = arrays.transform_points(sign * b_from_a, points)
        inside = ((moved >= 0) & (moved <= size_b - 1)).all(axis=1)
        return inside & (sign * depth > 0)

    sign, shown = max(((sign, shown_by(sign)) for sign in (1, -1)), key=lambda each: each[1].sum())
    if shown.mean() < _MIN_SHOWN:
        raise UserError(f"B shows {shown.mean():.0%} of A by the given truth: too little")
    # How many pixels of B one of A covers: the Jacobian's determinant.
    area = np.abs(np.linalg.det(b_from_a) / depth[shown] ** 3)
    zoom = float(np.sqrt(np.median(area)))
    if not 1.0 / _MAX_ZOOM < zoom < _MAX_ZOOM:
        raise UserError(f"the given truth enlarges A by {zoom:.3g}: it is nearly singular")
    return b_from_a * sign / np.abs(depth[shown]).mean()
