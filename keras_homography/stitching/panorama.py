"""Where the photos of a panorama lie: links, the largest part that hangs together, refinement."""

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.stitching import (
    cameras,
    global_refinement,
    photo_graph,
    planar_homographies,
    rotating_cameras,
    surfaces,
)
from keras_homography.stitching.arrangement import Arrangement, Projection
from keras_homography.stitching.photo_graph import Link
from keras_homography.stitching.photos import Photo
from keras_homography.utils.errors import UserError

# Median residual of a pair, in pixels: above it, the pair contradicts the others. Lenses and
# parallax make some pixels, a wrong homography makes hundreds.
_MAX_RESIDUAL = 12.0
_MAX_ROUNDS = 8


def arrange(links: list[Link], photos: list[Photo], projection: Projection) -> Arrangement | None:
    """Find where photos lie, leaving out pairs that contradict the others.

    Args:
      links: pairs with a homography.
      photos: all photos.
      projection: of the panorama.

    Returns:
      The arrangement of the largest part that hangs together; None if there is no pair.

    Raises:
      UserError: the field is too wide for a plane.
    """
    fit = _fit_cameras if projection == "cylindrical" else _fit_homographies
    for _ in range(_MAX_ROUNDS):
        members = photo_graph.largest_component(links)
        if not members:
            return None
        connected = [link for link in links if link.a in members]
        arrangement, misfits = fit(connected, photos)
        worst = int(np.argmax(misfits))
        if misfits[worst] <= _MAX_RESIDUAL:
            break
        links = [link for link in connected if link is not connected[worst]]
    return arrangement


def _fit_homographies(links: list[Link], photos: list[Photo]) -> tuple[Arrangement, list[float]]:
    tree = photo_graph.spanning_tree(links)
    reference = photo_graph.center(tree)
    sizes = {i: arrays.image_size(photos[i].gray) for i in photo_graph.largest_component(links)}
    initial = photo_graph.compose(tree, reference)
    _check_width(initial, sizes, photos)
    refined = planar_homographies.refine(links, initial, reference, sizes)
    _check_width(refined, sizes, photos)
    misfits = [
        global_refinement.median_residual(link, np.linalg.inv(refined[link.a]) @ refined[link.b])
        for link in links
    ]
    return Arrangement(reference, links, refined, {}, float(np.mean(misfits))), misfits


def _fit_cameras(links: list[Link], photos: list[Photo]) -> tuple[Arrangement, list[float]]:
    tree = photo_graph.spanning_tree(links)
    reference = photo_graph.center(tree)
    members = photo_graph.largest_component(links)
    sizes = {index: arrays.image_size(photos[index].gray) for index in members}
    shapes = sorted({tuple(sorted(photos[index].size)) for index in members})
    lenses = {index: shapes.index(tuple(sorted(photos[index].size))) for index in members}
    initial = rotating_cameras.initialize(tree, reference, sizes)
    refined = rotating_cameras.refine(links, initial, reference, lenses)
    misfits = [
        global_refinement.median_residual(
            link, cameras.homography(refined[link.a], refined[link.b])
        )
        for link in links
    ]
    leveled = rotating_cameras.level(refined)
    return Arrangement(reference, links, {}, leveled, float(np.mean(misfits))), misfits


def _check_width(
    matrices: dict[int, np.ndarray], sizes: dict[int, tuple[int, int]], photos: list[Photo]
) -> None:
    plane = surfaces.Plane(matrices, sizes)
    wide = [photos[index].name for index in matrices if plane.is_too_wide(index)]
    if wide:
        raise UserError(
            f"The field is too wide for a plane: {wide[0]} looks along it. If all photos were "
            "taken from one place, use --projection=cylindrical."
        )
