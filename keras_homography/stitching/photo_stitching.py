"""Stitch image files: matrices as JSON, the panorama as a picture. `stitch` runs this."""

import dataclasses
import glob
import importlib.util
import json
import os
import pathlib
from collections import Counter
from typing import Any

import numpy as np

from keras_homography.registration.estimator import HomographyEstimator
from keras_homography.saving import feature_networks
from keras_homography.stitching import compositing, pair_screening, surfaces
from keras_homography.stitching import photos as stitched_photos
from keras_homography.stitching.arrangement import Arrangement, Projection
from keras_homography.stitching.photo_graph import Link
from keras_homography.stitching.photo_linking import Linked, Linker
from keras_homography.stitching.photos import Photo
from keras_homography.utils import files
from keras_homography.utils.errors import UserError
from keras_homography.utils.standard_streams import print_error
from keras_homography.visualization import image_output

PICTURE_NAME = "panorama.jpg"
_ALONE = "shares nothing with any other photo"
_MAX_ATTEMPTS = 3  # of a pair: screening has initialized it, or there is little hope


@dataclasses.dataclass(frozen=True)
class StitchConfig:
    """What to stitch, and how.

    Attributes:
      paths: of the photos, or patterns of paths, as "photos/*.jpg".
      projection: "planar" or "cylindrical".
      min_confidence: 0 to 1; a pair below it is not used.
      output_dir: folder of the panorama.
      max_megapixels: of the panorama; a larger one is shrunk.
      num_threads: threads of the networks; None for LiteRT's default.
    """

    paths: tuple[str, ...]
    projection: Projection = "planar"
    min_confidence: float = 0.5
    output_dir: str = "runs/stitch"
    max_megapixels: float = 50.0
    num_threads: int | None = None


def run(config: StitchConfig) -> int:
    """Stitch photos; print one JSON object, and progress to standard error.

    Args:
      config: what to stitch, and how.

    Returns:
      The number of photos in the panorama: 0 if no two belong together.

    Raises:
      UserError: fewer than two photos are named, one does not exist, or the field is too wide for
        a plane.
      OSError: the panorama cannot be written.
    """
    if importlib.util.find_spec("scipy") is None:
        raise UserError("Stitching needs SciPy: pip install 'keras-homography[stitch]'.")
    from keras_homography.stitching.panorama import arrange  # imports SciPy

    names = _names(_expand(config.paths))
    files.check_writable(config.output_dir)
    photos, left_out = _read(names)
    linked = Linked([], {})
    if len(photos) > 1:
        linker = Linker(
            HomographyEstimator(
                max_attempts=_MAX_ATTEMPTS,
                min_confidence=config.min_confidence,
                num_threads=config.num_threads,
            ),
            pair_screening.Screening(
                feature_networks.open_matcher(num_threads=config.num_threads), photos
            ),
            photos,
            _progress,
        )
        linked = linker.link()
    _progress("refining all photos at once")
    arrangement = arrange(linked.links, photos, config.projection)
    members = arrangement.members if arrangement else []
    for index, photo in enumerate(photos):
        if index not in members:
            left_out[photo.name] = _reason(index, linked, photos)
    answer: dict[str, Any] = {"reference": None, "projection": config.projection}
    answer |= {"panorama_from_image": {}, "left_out": left_out, "files": []}
    if arrangement is not None:
        answer |= _draw(config, arrangement, photos)
    print_error("")
    print(json.dumps(answer))
    for name, reason in left_out.items():
        print_error(f"Left out: {name}: {reason}.")
    if arrangement is None:
        print_error("No panorama: no two photos belong together.")
    return len(members)


def _progress(message: str) -> None:
    print_error(f"\r\033[K{message}", end="")


def _expand(patterns: tuple[str, ...]) -> list[str]:
    """Paths of the photos, in order; patterns are those that a shell has not replaced."""
    paths: list[str] = []
    for pattern in patterns:
        matched = [pattern]
        if not os.path.lexists(pattern) and glob.has_magic(pattern):
            matched = sorted(glob.glob(pattern, recursive=True))
            if not matched:
                raise UserError(f"No file matches {pattern}.")
        paths += matched
    for path in paths:
        if not os.path.lexists(path):
            raise UserError(f"{path} does not exist; give image files.")
        if os.path.isdir(path):
            raise UserError(f"{path} is a folder; give the photos in it, as {path}/*.jpg.")
    paths = list(dict.fromkeys(paths))
    if len(paths) < 2:
        raise UserError(f"A panorama needs at least two photos; got {len(paths)}: {paths}.")
    return paths


def _names(paths: list[str]) -> dict[str, str]:
    """Name to path: the file's name, or the path where two files have one name."""
    counts = Counter(pathlib.PurePath(path).name for path in paths)
    short = {path: pathlib.PurePath(path).name for path in paths}
    return {short[path] if counts[short[path]] == 1 else path: path for path in paths}


def _read(names: dict[str, str]) -> tuple[list[Photo], dict[str, str]]:
    """The photos, and why some cannot be read."""
    photos, unreadable = [], {}
    for number, (name, path) in enumerate(names.items(), 1):
        _progress(f"reading photo {number}/{len(names)}")
        try:
            photos.append(stitched_photos.read(name, path))
        except UserError as error:
            unreadable[name] = str(error).rstrip(".")
    return photos, unreadable


def _reason(index: int, linked: Linked, photos: list[Photo]) -> str:
    """Why a photo is not part of the panorama."""
    partners = {
        photos[other].name
        for link in linked.links
        if index in (link.a, link.b)
        for other in (link.a, link.b)
        if other != index
    }
    if partners:
        return f"overlaps only {', '.join(sorted(partners))}, and not the panorama"
    if index in linked.refusals:
        return f"{_ALONE}; the likeliest: {linked.refusals[index]}"
    return _ALONE


def _draw(config: StitchConfig, arrangement: Arrangement, photos: list[Photo]) -> dict[str, Any]:
    """Draw and write a panorama; returns what the answer says about it."""
    reference = photos[arrangement.reference]
    sizes = {i: photos[i].gray.shape[1::-1] for i in arrangement.members}
    full_from_photo = np.linalg.inv(reference.photo_from_full)
    matrices = {i: full_from_photo @ h for i, h in arrangement.homographies.items()}
    radius = 0.0
    surface: surfaces.Surface
    if arrangement.cameras:
        radius = arrangement.cameras[arrangement.reference].focal * full_from_photo[0, 0]
        surface = surfaces.Cylinder(arrangement.cameras, sizes, radius)
    else:
        surface = surfaces.Plane(matrices, sizes)
    canvas = compositing.fit_canvas(surface, arrangement.members, config.max_megapixels * 1e6)
    members = {index: photos[index] for index in arrangement.members}
    picture = compositing.composite(surface, members, canvas, _progress)
    path = pathlib.Path(config.output_dir) / PICTURE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    _progress("writing")
    image_output.write_jpeg(path, picture)
    placed: dict[str, Any] = {}
    for index, photo in members.items():
        if arrangement.cameras:
            placed[photo.name] = _camera_as_json(arrangement, index, photo)
        else:
            matrix = canvas.canvas_from_panorama @ matrices[index] @ photo.photo_from_full
            placed[photo.name] = (matrix / matrix[2, 2]).tolist()
    answer = {
        "reference": reference.name,
        "panorama_from_image": placed,
        "size": list(canvas.size),
        "scale": canvas.scale,
        "pairs": [_pair_as_json(link, photos) for link in arrangement.links],
        "residual": round(arrangement.residual, 3),
        "files": [str(path)],
    }
    if arrangement.cameras:
        x, y = canvas.canvas_from_panorama[:2, 2]
        answer["cylinder"] = {"radius": radius * canvas.scale, "axis": [float(x), float(y)]}
    return answer


def _camera_as_json(arrangement: Arrangement, index: int, photo: Photo) -> dict[str, Any]:
    camera = arrangement.cameras[index]
    full_from_photo = np.linalg.inv(photo.photo_from_full)
    x, y = (full_from_photo @ [*camera.center, 1.0])[:2]
    return {
        "focal": camera.focal * full_from_photo[0, 0],
        "center": [x, y],
        "rotation": camera.rotation.tolist(),
    }


def _pair_as_json(link: Link, photos: list[Photo]) -> dict[str, Any]:
    return {
        "images": [photos[link.a].name, photos[link.b].name],
        "confidence": round(link.confidence, 4),
        "matches": len(link.points_a),
    }
