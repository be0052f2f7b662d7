"""Pictures of an alignment of two image files, written to a folder."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration.result import Estimate, PointMatches
from keras_homography.utils.standard_streams import print_error
from keras_homography.visualization import (
    agreement_map,
    alignment_overlays,
    image_output,
    match_figures,
    panorama,
)


def write_matches(
    output_dir: pathlib.Path,
    image_a: np.ndarray,
    image_b: np.ndarray,
    points: PointMatches,
    max_side: int,
) -> str:
    """Draw matched points of a pair.

    Args:
      output_dir: where `matches.png` is written.
      image_a: uint8 `[height, width, 3]`, RGB.
      image_b: the same; its size may differ.
      points: what is drawn.
      max_side: of a picture, pixels.

    Returns:
      The path of the picture.
    """
    small_a, small_from_a = alignment_overlays.shrink(image_a, max_side)
    small_b, small_from_b = alignment_overlays.shrink(image_b, max_side)
    drawn = match_figures.draw(
        small_a,
        small_b,
        arrays.transform_points(small_from_a, points.points_a),
        arrays.transform_points(small_from_b, points.points_b),
        points.inliers,
    )
    output_dir.mkdir(parents=True, exist_ok=True)
    image_output.write_png(output_dir / "matches.png", drawn)
    return str(output_dir / "matches.png")


def write_regions(output_dir: pathlib.Path, planes: Sequence[Estimate]) -> list[str]:
    """Draw where planes are in B: `region_1.png` and so on, white there and black elsewhere.

    Args:
      output_dir: where the pictures are written.
      planes: of `HomographyEstimator.estimate_planes`.

    Returns:
      The paths of the pictures.
    """
    paths = []
    for number, plane in enumerate(planes, start=1):
        output_dir.mkdir(parents=True, exist_ok=True)
        paths.append(output_dir / f"region_{number}.png")
        region = np.uint8(255) * np.asarray(plane.region)
        image_output.write_png(paths[-1], np.dstack([region] * 3))
    return list(map(str, paths))


def write_alignment(
    output_dir: pathlib.Path,
    image_a: np.ndarray,
    image_b: np.ndarray,
    result: Estimate,
    max_side: int,
    with_panorama: bool,
) -> list[str]:
    """Draw how a pair is aligned; nothing if it is refused.

    Args:
      output_dir: where the pictures are written.
      image_a: uint8 `[height, width, 3]`, RGB.
      image_b: the same; its size may differ.
      result: of the pair; where the images agree is drawn if it says so.
      max_side: of a picture, pixels.
      with_panorama: whether to draw both images on one canvas, too.

    Returns:
      The paths of the pictures.
    """
    if result.b_from_a is None:
        return []
    small_a, small_from_a = alignment_overlays.shrink(image_a, max_side)
    small_b, small_from_b = alignment_overlays.shrink(image_b, max_side)
    if small_a is not image_a or small_b is not image_b:
        print_error(f"Pictures are shrunk to {max_side} pixels a side (--max_side).")
    b_from_a = small_from_b @ result.b_from_a @ np.linalg.inv(small_from_a)
    aligned = alignment_overlays.align(small_a, b_from_a, arrays.image_size(small_b))
    pictures = {
        "aligned.png": aligned,
        "overlay.png": alignment_overlays.red_cyan(aligned, small_b),
        "checkerboard.png": alignment_overlays.checkerboard(aligned, small_b),
    }
    if with_panorama:
        pictures["panorama.png"] = panorama.blend(small_a, small_b, b_from_a)
    if result.agreement is not None:
        pictures["agreement.png"] = agreement_map.draw(small_b, result.agreement)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        image_output.write_png(output_dir / name, picture)
    alignment_overlays.write_blink(output_dir / "blink.gif", aligned, small_b)
    return [str(output_dir / name) for name in (*pictures, "blink.gif")]
