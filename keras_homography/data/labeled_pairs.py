"""Real pairs of images whose homography is known: find them in a folder, read them.

Layouts, at any depth of the folder:

* `NAME/{a,b}.*` with `b_from_a.txt` (3x3, pixels of A to pixels of B) or `points.txt` (rows
  `x_a y_a x_b y_b`, pixels);
* HPatches (Balntas et al. 2017): `SEQUENCE/{1..6}.ppm` with `H_1_2` to `H_1_6`;
* Oxford (Mikolajczyk and Schmid 2005): `SEQUENCE/img{1..6}.*` with `H1to2p` to `H1to6p`.
"""

import dataclasses
import os
import pathlib
import re

import numpy as np

from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError

_IMAGE_SUFFIXES = (*image_input.SUFFIXES, ".ppm", ".pgm")
_MIN_POINTS = 4
_TRUTHS = ("b_from_a.txt", "points.txt")
_OF_SEQUENCE = re.compile(r"H_1_\d+|H1to\d+p")


@dataclasses.dataclass(frozen=True, eq=False)
class LabeledPair:
    """Two image files and their truth; exactly one of `b_from_a` and `points` is given.

    Attributes:
      name: path of the pair below the folder, with `/`; of a sequence, with the numbers behind it.
      kind: path of the pair's parent below the folder; for HPatches "illumination" or "viewpoint".
      path_a: image A.
      path_b: image B.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B.
      points: float64 `[n, 4]`, rows `x_a, y_a, x_b, y_b`, pixels.
    """

    name: str
    kind: str
    path_a: pathlib.Path
    path_b: pathlib.Path
    b_from_a: np.ndarray | None = None
    points: np.ndarray | None = None


def find_labeled_pairs(folder: str | os.PathLike[str]) -> tuple[list[LabeledPair], dict[str, str]]:
    """Find all labeled pairs below a folder.

    Args:
      folder: path, searched recursively.

    Returns:
      `(pairs, skipped)`: the pairs in order of their names; `{name: reason}` of those that lack an
      image or a usable truth.

    Raises:
      UserError: there is no such folder, or no pair in it.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one that holds pairs of images.")
    pairs: list[LabeledPair] = []
    skipped: dict[str, str] = {}
    for parent, folders, names in os.walk(folder):
        folders.sort()
        path = pathlib.Path(parent)
        for pair_name, kind, image_a, image_b, truth in _candidates(path, folder, sorted(names)):
            try:
                pairs.append(_read_pair(path, pair_name, kind, image_a, image_b, truth))
            except UserError as error:
                skipped[pair_name] = str(error)
    if not pairs and not skipped:
        raise UserError(
            f"No pair of images below {folder}. A pair is a folder with a.*, b.* and b_from_a.txt "
            "or points.txt, or a sequence in the layout of HPatches or Oxford."
        )
    return sorted(pairs, key=lambda pair: pair.name), skipped


def holds_labeled_pairs(folder: str | os.PathLike[str]) -> bool:
    """Check whether a path is a folder with the truth of a pair, at any depth.

    Args:
      folder: path; it need not exist.
    """
    return any(
        name in _TRUTHS or _OF_SEQUENCE.fullmatch(name)
        for _, _, names in os.walk(folder)
        for name in names
    )


def _candidates(
    path: pathlib.Path, folder: pathlib.Path, names: list[str]
) -> list[tuple[str, str, str | None, str | None, str | None]]:
    """What looks like pairs in one folder: `(name, kind, A, B, truth)`, None where missing."""
    name = path.relative_to(folder).as_posix()
    kind = path.relative_to(folder).parent.as_posix() if path != folder else "."
    kind = "" if kind == "." else kind

    def image(stem: str) -> str | None:
        return next(
            (
                n
                for n in names
                if os.path.splitext(n)[0] == stem and n.lower().endswith(_IMAGE_SUFFIXES)
            ),
            None,
        )

    candidates: list[tuple[str, str, str | None, str | None, str | None]] = []
    truths = [n for n in _TRUTHS if n in names]
    if truths or (image("a") and image("b")):
        candidates.append((name, kind, image("a"), image("b"), truths[0] if truths else None))
    for n in names:
        if match := re.fullmatch(r"H_1_(\d+)", n):
            of_sequence = {"i": "illumination", "v": "viewpoint"}.get(path.name.split("_")[0], "")
            of_sequence = "/".join(part for part in (kind, of_sequence) if part)
            candidates.append((f"{name}/1_{match[1]}", of_sequence, image("1"), image(match[1]), n))
        elif match := re.fullmatch(r"H1to(\d+)p", n):
            images = image("img1"), image(f"img{match[1]}")
            candidates.append((f"{name}/1_{match[1]}", kind, *images, n))
    return candidates


def _read_pair(
    path: pathlib.Path,
    name: str,
    kind: str,
    image_a: str | None,
    image_b: str | None,
    truth: str | None,
) -> LabeledPair:
    for which, image in (("A", image_a), ("B", image_b)):
        if image is None:
            raise UserError(f"image {which} is missing")
    if truth is None:
        raise UserError("the truth is missing: b_from_a.txt or points.txt")
    paths = path / str(image_a), path / str(image_b)
    if truth == "points.txt":
        return LabeledPair(name, kind, *paths, points=_read_points(path / truth))
    return LabeledPair(name, kind, *paths, b_from_a=_read_matrix(path / truth))


def _read_numbers(path: pathlib.Path) -> np.ndarray:
    try:
        with path.open(encoding="utf-8") as file:
            numbers = np.loadtxt(file, ndmin=2)
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} cannot be read: {error}") from None
    if not np.isfinite(numbers).all():
        raise UserError(f"{path.name} holds values that are not finite")
    return numbers


def _read_matrix(path: pathlib.Path) -> np.ndarray:
    """A homography `[3, 3]` in a text file, last element 1 where it does not vanish."""
    matrix = _read_numbers(path)
    if matrix.shape != (3, 3):
        raise UserError(f"{path.name} holds a table of {matrix.shape}, not a 3x3 matrix")
    scaled = matrix / np.abs(matrix).max() if matrix.any() else matrix
    if np.linalg.cond(scaled) > 1e12:
        raise UserError(f"{path.name} holds a singular matrix")
    return matrix / matrix[2, 2] if abs(matrix[2, 2]) > 1e-12 else matrix


def _read_points(path: pathlib.Path) -> np.ndarray:
    points = _read_numbers(path)
    if points.shape[1] != 4 or len(points) < _MIN_POINTS:
        raise UserError(
            f"{path.name} holds a table of {points.shape}; it must hold at least {_MIN_POINTS} "
            "rows x_a y_a x_b y_b"
        )
    return points
