"""Pairs that the confidence is fitted to and checked on: rendered, so that their truth is exact.

Patches of the protocols under distortions at and beyond their default strength, some of them
turned; pairs with the range of two photos, by cameras and by imagined sensors; the traps; and pairs
that no homography explains: of two images, and bent by a random smooth displacement field, as what
is not one plane looks from another viewpoint.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import cv2
import numpy as np

from keras_homography.data import matching_pairs, sources
from keras_homography.evaluation import protocol_pairs, protocols, trap_scenes, traps
from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.traps import Trap
from keras_homography.geometry import arrays

_PHOTO_SIZE = 320  # pixels, of pairs with the range of two photos
_IMAGE_WIDTH, _IMAGE_HEIGHT = 640, 480  # of the images that they are rendered from
# Of pairs with the range of two photos: a difficulty, and by how many imagined sensors.
_PHOTO_KINDS = {
    "cameras, easy": (0.4, 0.0),
    "cameras, hard": (1.0, 0.0),
    "sensors, easy": (0.2, 5.0),  # all of them
    "sensors, medium": (0.5, 2.0),
    "sensors, hard": (1.0, 1.0),
}


class ProtocolKind(NamedTuple):
    """How pairs of a protocol are changed.

    Attributes:
      protocol: name of a protocol.
      distortion: of `conditions.NAMES`.
      strength: of the distortion.
      second_image: what B is: "same" as of the protocol, "turned" by 90 degrees, "bent", or of an
        "other" image; the last two have no homography.
    """

    protocol: str
    distortion: str
    strength: float
    second_image: Literal["same", "turned", "bent", "other"]

    @property
    def name(self) -> str:
        """The kind in a few words."""
        distortion = "" if self.distortion == "none" else f" {self.distortion} x{self.strength:g}"
        second = "" if self.second_image == "same" else f", {self.second_image}"
        return f"{self.protocol}{distortion}{second}"


PROTOCOL_KINDS = (
    ProtocolKind("coco128", "none", 0.0, "same"),
    ProtocolKind("coco128", "photometric", 1.0, "same"),
    ProtocolKind("coco128", "photometric", 2.0, "same"),
    ProtocolKind("coco128", "occlusion", 1.0, "same"),
    ProtocolKind("coco128", "occlusion", 2.0, "same"),
    ProtocolKind("coco128", "low_light", 1.0, "same"),
    ProtocolKind("paper256", "none", 0.0, "same"),
    ProtocolKind("paper256", "photometric", 1.5, "same"),
    ProtocolKind("paper256", "occlusion", 1.5, "same"),
    ProtocolKind("coco128", "none", 0.0, "turned"),
    ProtocolKind("coco128", "none", 0.0, "bent"),
    ProtocolKind("paper256", "none", 0.0, "bent"),
    ProtocolKind("coco128", "none", 0.0, "other"),
    ProtocolKind("coco128", "photometric", 1.0, "other"),
    ProtocolKind("paper256", "none", 0.0, "other"),
)


def make_pairs(dataset: str, count: int, seed: int) -> Iterator[Trap]:
    """Make pairs of every kind.

    Args:
      dataset: of `sources.open_source`.
      count: of pairs of each kind, one less of those of an "other" image; all traps once for every
        50.
      seed: of the pairs.

    Yields:
      Pairs, as traps: with a name of their kind and, where there is one, their homography.
    """
    opened = {}
    for kind in PROTOCOL_KINDS:
        protocol = protocols.get_protocol(kind.protocol)
        if protocol.name not in opened:
            opened[protocol.name] = protocol_pairs.open_source(protocol, dataset)
        pairs = protocol_pairs.ProtocolPairs(protocol, opened[protocol.name], count, seed)
        yield from _pairs_of_protocol(pairs, kind)
    yield from _pairs_of_photos(dataset, count, seed)
    yield from _traps(dataset, max(1, count // 50), seed)


def count_pairs(count: int) -> int:
    """Count the pairs of `make_pairs`."""
    kinds = len(PROTOCOL_KINDS) + len(_PHOTO_KINDS)
    others = sum(kind.second_image == "other" for kind in PROTOCOL_KINDS)
    return count * kinds - others + max(1, count // 50) * traps.COUNT


def _bend(patch: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Warp a patch, uint8 `[size, size]`, by a random smooth field, 4 to 10 % of its side."""
    size = len(patch)
    moves = generator.normal(0.0, size * generator.uniform(0.04, 0.1), [4, 4, 2])
    field = cv2.resize(moves.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.indices((size, size), dtype=np.float32)
    return cv2.remap(
        patch, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def _pairs_of_protocol(pairs: protocol_pairs.ProtocolPairs, kind: ProtocolKind) -> Iterator[Trap]:
    size = pairs.protocol.spec.patch_size
    square = arrays.corners((size, size)).astype(np.float32)
    turned_from_b = np.array([[0, 1, 0], [-1, 0, size - 1], [0, 0, 1]], np.float64)
    generator, previous_b = np.random.default_rng(pairs.seed), None
    for patches, h4pt in pairs.batches(Condition(kind.distortion, kind.strength)):
        for pair, offsets in zip(patches, h4pt, strict=True):
            a, b = np.ascontiguousarray(np.moveaxis(pair, -1, 0)).astype(np.uint8)
            b_from_a = np.linalg.inv(cv2.getPerspectiveTransform(square, square + offsets))
            if kind.second_image == "same":
                yield Trap(kind.name, a, b, b_from_a, traps.RIGHT)
            elif kind.second_image == "turned":
                yield Trap(kind.name, a, np.rot90(b), turned_from_b @ b_from_a, traps.RIGHT)
            elif kind.second_image == "bent":
                yield Trap(kind.name, a, _bend(b, generator), None, traps.REFUSED)
            elif previous_b is not None:
                yield Trap(kind.name, a, previous_b, None, traps.REFUSED)
            previous_b = b


def _pairs_of_photos(dataset: str, count: int, seed: int) -> Iterator[Trap]:
    """Pairs with the range of two photos: of several difficulties, by cameras and by sensors."""
    source = sources.open_source(
        dataset,
        "all",
        height=_IMAGE_HEIGHT,
        width=_IMAGE_WIDTH,
        min_side=_PHOTO_SIZE // 2,
        channels=3,
    )
    for name, (difficulty, share_of_sensors) in _PHOTO_KINDS.items():
        batches = matching_pairs.pair_batches(
            source,
            _PHOTO_SIZE,
            seed=seed,
            batch_size=1,
            difficulty=difficulty,
            share_of_sensors=share_of_sensors,
        )
        for patches, (b_from_a, _, _) in batches.take(count).as_numpy_iterator():
            a, b = np.ascontiguousarray(np.moveaxis(patches[0], -1, 0)).astype(np.uint8)
            yield Trap(name, a, b, b_from_a[0].astype(np.float64), traps.EITHER)


def _traps(dataset: str, rounds: int, seed: int) -> Iterator[Trap]:
    source = sources.open_source(
        dataset, "all", height=trap_scenes.WORLD_HEIGHT, width=trap_scenes.WORLD_WIDTH, min_side=128
    )
    worlds = (image[..., 0] for _, image in source.stream(seed).as_numpy_iterator())
    for number in range(rounds):
        yield from traps.render_traps(worlds, seed + 1000 * number)
