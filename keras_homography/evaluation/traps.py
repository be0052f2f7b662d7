"""Traps: pairs that fool an aligner, rendered from any images, frozen by a seed.

Each says what is expected of an estimator: the right homography, a refusal, or either of them.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from keras_homography.evaluation import trap_scenes
from keras_homography.registration.refusals import ReasonCode

_NOISE = 2.0  # gray levels
RIGHT, REFUSED, EITHER = "right", "refused", "either"


@dataclasses.dataclass(frozen=True, eq=False)
class Trap:
    """A pair that fools an aligner.

    Attributes:
      kind: key of `KINDS`.
      image_a: uint8 `[360, 480]`, gray.
      image_b: the same.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B; None where no homography is right.
      expected: "right", "refused" or "either".
    """

    kind: str
    image_a: np.ndarray
    image_b: np.ndarray
    b_from_a: np.ndarray | None
    expected: str


@dataclasses.dataclass(frozen=True)
class _Kind:
    render: Callable[..., trap_scenes.Rendered]
    expected: str
    options: tuple[dict, ...] = ({},) * 6  # one a trap
    reasons: tuple[ReasonCode, ...] = ()  # of a refusal, those that say what is the matter


_STRANGERS = (ReasonCode.NOT_THE_SAME_SCENE, ReasonCode.NO_AGREEMENT)
_CHANGED = (ReasonCode.NOT_THE_SAME_SCENE, ReasonCode.NOT_ONE_PLANE)
_REPEATED = (ReasonCode.REPEATS_ITSELF,)
_OBLIQUE = (ReasonCode.TOO_OBLIQUE,)
_LIGHT = (ReasonCode.LIGHT_TOO_DIFFERENT,)
_SMOOTH = (ReasonCode.IMAGE_WITHOUT_TEXTURE, ReasonCode.OVERLAP_WITHOUT_TEXTURE)

KINDS: dict[str, _Kind] = {
    "shadow": _Kind(trap_scenes.shadow, RIGHT, reasons=_LIGHT),
    "covered 30 %": _Kind(trap_scenes.covered, RIGHT, ({"share": 0.3},) * 6, _CHANGED),
    "covered 50 %": _Kind(trap_scenes.covered, EITHER, ({"share": 0.5},) * 6, _CHANGED),
    "covered 70 %": _Kind(trap_scenes.covered, EITHER, ({"share": 0.7},) * 6, _CHANGED),
    "periodic": _Kind(trap_scenes.periodic, REFUSED, ({"with_object": False},) * 6, _REPEATED),
    "periodic, one object": _Kind(
        trap_scenes.periodic, RIGHT, ({"with_object": True},) * 6, _REPEATED
    ),
    "chessboard": _Kind(trap_scenes.chessboard, REFUSED, reasons=_REPEATED),
    "facade": _Kind(trap_scenes.facade, EITHER, reasons=_REPEATED),
    "same page": _Kind(trap_scenes.same_page, RIGHT, reasons=_CHANGED),
    "other page": _Kind(trap_scenes.other_page, REFUSED, reasons=_STRANGERS),
    "same frame": _Kind(trap_scenes.framed, REFUSED, reasons=_STRANGERS),
    "same caption": _Kind(trap_scenes.captioned, REFUSED, reasons=_STRANGERS),
    "same letterbox": _Kind(trap_scenes.letterboxed, REFUSED, reasons=_STRANGERS),
    "sky": _Kind(trap_scenes.sky, EITHER, reasons=_SMOOTH),
    "orbit 30-45": _Kind(
        trap_scenes.orbit, RIGHT, tuple({"degrees": d} for d in (30, 33, 36, 39, 42, 45)), _OBLIQUE
    ),
    "orbit 50-65": _Kind(
        trap_scenes.orbit, EITHER, tuple({"degrees": d} for d in (50, 53, 56, 59, 62, 65)), _OBLIQUE
    ),
    "zoomed out 3-4": _Kind(
        trap_scenes.zoomed_out, RIGHT, tuple({"scale": s} for s in (3, 3, 3, 4, 4, 4)), _CHANGED
    ),
    "static overlay": _Kind(trap_scenes.overlay, RIGHT, reasons=_CHANGED),
    "inverted": _Kind(trap_scenes.inverted, EITHER, reasons=_LIGHT),
    "mirrored": _Kind(trap_scenes.mirrored, REFUSED, reasons=_STRANGERS),
    "different scenes": _Kind(trap_scenes.different, REFUSED, ({},) * 20, _STRANGERS),
}


COUNT = sum(len(kind.options) for kind in KINDS.values())


def render_traps(images: Iterator[np.ndarray], seed: int) -> Iterator[Trap]:
    """Render all traps, kind by kind.

    Args:
      images: endless, gray uint8 of the size of a world, no two in a row the same.
      seed: of everything that is drawn.

    Yields:
      `Trap`, the same for the same images and seed.
    """
    for number, (name, kind) in enumerate(KINDS.items()):
        for trap, options in enumerate(kind.options):
            rng = np.random.default_rng([seed, number, trap])
            image_a, image_b, b_from_a = kind.render(rng, images, **options)
            image_a, image_b = (_add_noise(rng, image) for image in (image_a, image_b))
            yield Trap(name, image_a, image_b, b_from_a, kind.expected)


def _add_noise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    noisy = np.round(image + rng.normal(0, _NOISE, image.shape))
    return np.clip(noisy, 0, 255).astype(np.uint8)
