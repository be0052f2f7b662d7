"""Traps: pairs that fool an aligner, rendered from any images, frozen by a seed.

Each says what is expected of an estimator: the right homography, a refusal, or either of them.
"""

import dataclasses
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from keras_homography.evaluation import trap_drawings
from keras_homography.geometry import arrays

WIDTH, HEIGHT = 480, 360  # of both images
WORLD_WIDTH, WORLD_HEIGHT = 720, 540  # of the images that they are cut from
_NOISE = 2.0  # gray levels
RIGHT, REFUSED, EITHER = "right", "refused", "either"


@dataclasses.dataclass(frozen=True, eq=False)
class Trap:
    """A pair that fools an aligner.

    Attributes:
      kind: key of `KINDS`.
      image_a: uint8 `[HEIGHT, WIDTH]`, gray.
      image_b: the same.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B; None where no homography is right.
      expected: "right", "refused" or "either".
    """

    kind: str
    image_a: np.ndarray
    image_b: np.ndarray
    b_from_a: np.ndarray | None
    expected: str


_SIZE = (WIDTH, HEIGHT)
_CORNERS = arrays.corners(_SIZE).astype(np.float32)
_WORLD_FROM_A = np.array(
    [[1, 0, (WORLD_WIDTH - WIDTH) / 2], [0, 1, (WORLD_HEIGHT - HEIGHT) / 2], [0, 0, 1]]
)
Worlds = Iterator[np.ndarray]
Rendered = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def _motion(rng: np.random.Generator, reach: float = 45.0) -> np.ndarray:
    """`a_from_b` that moves the corners by up to `reach` pixels."""
    moved = _CORNERS + rng.uniform(-reach, reach, (4, 2)).astype(np.float32)
    return cv2.getPerspectiveTransform(_CORNERS, moved)


def _cut(world: np.ndarray, world_from_image: np.ndarray) -> np.ndarray:
    """What a camera sees of a world, uint8 `[HEIGHT, WIDTH]`."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(
        world, world_from_image, _SIZE, flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )


def _two_views(
    rng: np.random.Generator, world: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a_from_b = _motion(rng)
    b_from_a = np.linalg.inv(a_from_b)
    return (
        _cut(world, _WORLD_FROM_A),
        _cut(world, _WORLD_FROM_A @ a_from_b),
        b_from_a / b_from_a[2, 2],
    )


def _shadow(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Half of B in shadow with a hard edge."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    dark = (x - WIDTH / 2) * np.cos(angle) + (y - HEIGHT / 2) * np.sin(angle) > 0
    return a, np.where(dark, 0.3 * b, b).astype(np.uint8), b_from_a


def _covered(rng: np.random.Generator, worlds: Worlds, share: float) -> Rendered:
    """A rectangle of B shows another image."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    width = int(WIDTH * rng.uniform(max(share, 0.55), 1.0))
    height = min(HEIGHT, int(share * WIDTH * HEIGHT / width))
    left, top = rng.integers(0, WIDTH - width + 1), rng.integers(0, HEIGHT - height + 1)
    other = _cut(next(worlds), _WORLD_FROM_A)
    b[top : top + height, left : left + width] = other[top : top + height, left : left + width]
    return a, b, b_from_a


def _periodic(rng: np.random.Generator, worlds: Worlds, *, with_object: bool) -> Rendered:
    """One tile of an image over and over; B is shifted by about a period."""
    period_x, period_y = (int(side) for side in rng.integers(48, 80, 2))
    tile = next(worlds)[100 : 100 + period_y, 100 : 100 + period_x]
    repeated = np.tile(tile, (WORLD_HEIGHT // period_y + 1, WORLD_WIDTH // period_x + 1))
    world = np.ascontiguousarray(repeated[:WORLD_HEIGHT, :WORLD_WIDTH])
    if with_object:
        mask = np.zeros(world.shape, np.uint8)
        cv2.ellipse(mask, (WORLD_WIDTH // 2, WORLD_HEIGHT // 2), (80, 60), 20, 0, 360, 255, -1)
        world = np.where(mask > 0, next(worlds), world)
    shift = np.eye(3)
    shift[:2, 2] = period_x + rng.integers(3, 12), rng.integers(-12, 13)
    a, b = _cut(world, _WORLD_FROM_A), _cut(world, _WORLD_FROM_A @ shift)
    return a, b, np.linalg.inv(shift) if with_object else None


def _chessboard(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A board without an end, shifted by more than a square."""
    world = trap_drawings.draw_chessboard(rng, WORLD_WIDTH, WORLD_HEIGHT)
    shift = np.eye(3)
    shift[:2, 2] = rng.integers(55, 100), rng.integers(-40, 41)
    return _cut(world, _WORLD_FROM_A), _cut(world, _WORLD_FROM_A @ shift), None


def _facade(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Rows of windows, of which one in four differs, shifted by about a window."""
    world = trap_drawings.draw_facade(rng, WORLD_WIDTH, WORLD_HEIGHT)
    a_from_b = _motion(rng, 8.0)
    a_from_b[:2, 2] += rng.choice([-1, 1]) * rng.uniform(50, 85), rng.uniform(-30, 30)
    b_from_a = np.linalg.inv(a_from_b)
    a, b = _cut(world, _WORLD_FROM_A), _cut(world, _WORLD_FROM_A @ a_from_b)
    return a, b, b_from_a / b_from_a[2, 2]


def _same_page(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """One page of text, seen twice."""
    return _two_views(rng, trap_drawings.draw_page(rng, WORLD_WIDTH, WORLD_HEIGHT))


def _other_page(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two pages of one layout."""
    pages = [trap_drawings.draw_page(rng, WORLD_WIDTH, WORLD_HEIGHT) for _ in range(2)]
    return _cut(pages[0], _WORLD_FROM_A), _cut(pages[1], _WORLD_FROM_A @ _motion(rng, 12.0)), None


def _different(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes."""
    return _cut(next(worlds), _WORLD_FROM_A), _cut(next(worlds), _WORLD_FROM_A), None


def _framed(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes in one frame."""
    images = _different(rng, worlds)[:2]
    for image in images:
        framed = np.full_like(image, 215)
        cv2.rectangle(framed, (14, 14), (WIDTH - 15, HEIGHT - 15), 60, 6)
        framed[60:-60, 70:-70] = image[60:-60, 70:-70]
        image[:] = framed
    return *images, None


def _captioned(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes above one caption."""
    images = _different(rng, worlds)[:2]
    words = " ".join("".join(rng.choice(list("abcdefghiklmnorstu"), 5)) for _ in range(5))
    for image in images:
        trap_drawings.draw_overlay(rng, image, caption=words)
    return *images, None


def _letterboxed(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes between the same black bars."""
    images = _different(rng, worlds)[:2]
    bar = int(rng.integers(40, 80))
    for image in images:
        image[:bar] = image[-bar:] = 0
    return *images, None


def _sky(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A smooth sky, shifted."""
    world = trap_drawings.draw_sky(rng, WORLD_WIDTH, WORLD_HEIGHT)
    shift = np.eye(3)
    shift[:2, 2] = rng.integers(25, 60), rng.integers(-20, 21)
    a, b = (_cut(world, m).astype(np.uint8) for m in (_WORLD_FROM_A, _WORLD_FROM_A @ shift))
    return a, b, np.linalg.inv(shift)


def _orbit(rng: np.random.Generator, worlds: Worlds, degrees: float) -> Rendered:
    """A plane before other surroundings, orbited by an angle."""
    angle, distance = np.deg2rad(degrees) * rng.choice([-1, 1]), 1.4 * WIDTH
    center = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1]])
    camera = np.array(
        [
            [distance * np.cos(angle), 0, 0],
            [0, distance, 0],
            [np.sin(angle), 0, distance],
        ]
    )
    b_from_a = center @ camera @ np.linalg.inv(center)
    a = _cut(next(worlds), _WORLD_FROM_A)
    b = _paste(a, _cut(next(worlds), _WORLD_FROM_A), b_from_a)
    return a, b, b_from_a / b_from_a[2, 2]


def _paste(
    image: np.ndarray, background: np.ndarray, background_from_image: np.ndarray
) -> np.ndarray:
    warped = cv2.warpPerspective(image, background_from_image, _SIZE, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full_like(image, 255), background_from_image, _SIZE)
    return np.where(mask > 127, warped, background)


def _zoomed_out(rng: np.random.Generator, worlds: Worlds, scale: float) -> Rendered:
    """A is a small part of B, among other things."""
    size = np.array(_SIZE) / scale
    place = rng.uniform([10, 10], np.array(_SIZE) - size - 10)
    quad = place + _CORNERS / scale + rng.uniform(-5, 5, (4, 2))
    b_from_a = cv2.getPerspectiveTransform(_CORNERS, quad.astype(np.float32))
    a = _cut(next(worlds), _WORLD_FROM_A)
    # Averaged as far as it shrinks, as a lens would.
    blurred = cv2.GaussianBlur(a, (0, 0), 0.4 * scale)
    return a, _paste(blurred, _cut(next(worlds), _WORLD_FROM_A), b_from_a), b_from_a


def _overlay(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A scene that moves behind a display that does not."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    state = rng.bit_generator.state
    for image in (a, b):
        rng.bit_generator.state = state
        trap_drawings.draw_overlay(rng, image)
    return a, b, b_from_a


def _inverted(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """B is a negative."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    return a, 255 - b, b_from_a


def _mirrored(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """B is a mirror image, which no camera sees of a plane."""
    a, b, _ = _two_views(rng, next(worlds))
    return a, np.ascontiguousarray(b[:, ::-1]), None


@dataclasses.dataclass(frozen=True)
class _Kind:
    render: Callable[..., Rendered]
    expected: str
    options: tuple[dict, ...] = ({},) * 6  # one a trap


KINDS: dict[str, _Kind] = {
    "shadow": _Kind(_shadow, RIGHT),
    "covered 30 %": _Kind(_covered, RIGHT, ({"share": 0.3},) * 6),
    "covered 50 %": _Kind(_covered, EITHER, ({"share": 0.5},) * 6),
    "covered 70 %": _Kind(_covered, EITHER, ({"share": 0.7},) * 6),
    "periodic": _Kind(_periodic, REFUSED, ({"with_object": False},) * 6),
    "periodic, one object": _Kind(_periodic, RIGHT, ({"with_object": True},) * 6),
    "chessboard": _Kind(_chessboard, REFUSED),
    "facade": _Kind(_facade, EITHER),
    "same page": _Kind(_same_page, RIGHT),
    "other page": _Kind(_other_page, REFUSED),
    "same frame": _Kind(_framed, REFUSED),
    "same caption": _Kind(_captioned, REFUSED),
    "same letterbox": _Kind(_letterboxed, REFUSED),
    "sky": _Kind(_sky, EITHER),
    "orbit 30-45": _Kind(_orbit, RIGHT, tuple({"degrees": d} for d in (30, 33, 36, 39, 42, 45))),
    "orbit 50-65": _Kind(_orbit, EITHER, tuple({"degrees": d} for d in (50, 53, 56, 59, 62, 65))),
    "zoomed out 3-4": _Kind(_zoomed_out, RIGHT, tuple({"scale": s} for s in (3, 3, 3, 4, 4, 4))),
    "static overlay": _Kind(_overlay, RIGHT),
    "inverted": _Kind(_inverted, EITHER),
    "mirrored": _Kind(_mirrored, REFUSED),
    "different scenes": _Kind(_different, REFUSED, ({},) * 20),
}


COUNT = sum(len(kind.options) for kind in KINDS.values())


def render_traps(images: Iterator[np.ndarray], seed: int) -> Iterator[Trap]:
    """Render all traps, kind by kind.

    Args:
      images: endless, gray uint8 `[WORLD_HEIGHT, WORLD_WIDTH]`, no two in a row the same.
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
