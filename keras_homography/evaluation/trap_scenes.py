"""The scenes of traps: each function renders two images and the homography between them.

Arguments are a random generator, an endless iterator of images to cut from ("worlds"), and options;
the result is `(image_a, image_b, b_from_a)`, with None for a homography that does not exist.
"""

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np

from keras_homography.evaluation import trap_drawings
from keras_homography.geometry import arrays

WIDTH, HEIGHT = 480, 360  # of both images
WORLD_WIDTH, WORLD_HEIGHT = 720, 540  # of the images that they are cut from
_SIZE = (WIDTH, HEIGHT)
_CORNERS = arrays.corners(_SIZE).astype(np.float32)
_WORLD_FROM_A = np.array(
    [[1, 0, (WORLD_WIDTH - WIDTH) / 2], [0, 1, (WORLD_HEIGHT - HEIGHT) / 2], [0, 0, 1]]
)
Worlds: TypeAlias = Iterator[np.ndarray]
Rendered: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray | None]


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


def shadow(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Half of B in shadow with a hard edge."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    dark = (x - WIDTH / 2) * np.cos(angle) + (y - HEIGHT / 2) * np.sin(angle) > 0
    return a, np.where(dark, 0.3 * b, b).astype(np.uint8), b_from_a


def covered(rng: np.random.Generator, worlds: Worlds, share: float) -> Rendered:
    """A rectangle of B shows another image."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    width = int(WIDTH * rng.uniform(max(share, 0.55), 1.0))
    height = min(HEIGHT, int(share * WIDTH * HEIGHT / width))
    left, top = rng.integers(0, WIDTH - width + 1), rng.integers(0, HEIGHT - height + 1)
    other = _cut(next(worlds), _WORLD_FROM_A)
    b[top : top + height, left : left + width] = other[top : top + height, left : left + width]
    return a, b, b_from_a


def periodic(rng: np.random.Generator, worlds: Worlds, *, with_object: bool) -> Rendered:
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


def chessboard(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A board without an end, shifted by more than a square."""
    world = trap_drawings.draw_chessboard(rng, WORLD_WIDTH, WORLD_HEIGHT)
    shift = np.eye(3)
    shift[:2, 2] = rng.integers(55, 100), rng.integers(-40, 41)
    return _cut(world, _WORLD_FROM_A), _cut(world, _WORLD_FROM_A @ shift), None


def facade(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Rows of windows, of which one in four differs, shifted by about a window."""
    world = trap_drawings.draw_facade(rng, WORLD_WIDTH, WORLD_HEIGHT)
    a_from_b = _motion(rng, 8.0)
    a_from_b[:2, 2] += rng.choice([-1, 1]) * rng.uniform(50, 85), rng.uniform(-30, 30)
    b_from_a = np.linalg.inv(a_from_b)
    a, b = _cut(world, _WORLD_FROM_A), _cut(world, _WORLD_FROM_A @ a_from_b)
    return a, b, b_from_a / b_from_a[2, 2]


def same_page(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """One page of text, seen twice."""
    return _two_views(rng, trap_drawings.draw_page(rng, WORLD_WIDTH, WORLD_HEIGHT))


def other_page(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two pages of one layout."""
    pages = [trap_drawings.draw_page(rng, WORLD_WIDTH, WORLD_HEIGHT) for _ in range(2)]
    return _cut(pages[0], _WORLD_FROM_A), _cut(pages[1], _WORLD_FROM_A @ _motion(rng, 12.0)), None


def different(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes."""
    return _cut(next(worlds), _WORLD_FROM_A), _cut(next(worlds), _WORLD_FROM_A), None


def framed(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes in one frame."""
    images = different(rng, worlds)[:2]
    for image in images:
        framed = np.full_like(image, 215)
        cv2.rectangle(framed, (14, 14), (WIDTH - 15, HEIGHT - 15), 60, 6)
        framed[60:-60, 70:-70] = image[60:-60, 70:-70]
        image[:] = framed
    return *images, None


def captioned(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes above one caption."""
    images = different(rng, worlds)[:2]
    words = " ".join("".join(rng.choice(list("abcdefghiklmnorstu"), 5)) for _ in range(5))
    for image in images:
        trap_drawings.draw_overlay(rng, image, caption=words)
    return *images, None


def letterboxed(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """Two scenes between the same black bars."""
    images = different(rng, worlds)[:2]
    bar = int(rng.integers(40, 80))
    for image in images:
        image[:bar] = image[-bar:] = 0
    return *images, None


def sky(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A smooth sky, shifted."""
    world = trap_drawings.draw_sky(rng, WORLD_WIDTH, WORLD_HEIGHT)
    shift = np.eye(3)
    shift[:2, 2] = rng.integers(25, 60), rng.integers(-20, 21)
    a, b = (_cut(world, m).astype(np.uint8) for m in (_WORLD_FROM_A, _WORLD_FROM_A @ shift))
    return a, b, np.linalg.inv(shift)


def orbit(rng: np.random.Generator, worlds: Worlds, degrees: float) -> Rendered:
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


def zoomed_out(rng: np.random.Generator, worlds: Worlds, scale: float) -> Rendered:
    """A is a small part of B, among other things."""
    size = np.array(_SIZE) / scale
    place = rng.uniform([10, 10], np.array(_SIZE) - size - 10)
    quad = place + _CORNERS / scale + rng.uniform(-5, 5, (4, 2))
    b_from_a = cv2.getPerspectiveTransform(_CORNERS, quad.astype(np.float32))
    a = _cut(next(worlds), _WORLD_FROM_A)
    # Averaged as far as it shrinks, as a lens would.
    blurred = cv2.GaussianBlur(a, (0, 0), 0.4 * scale)
    return a, _paste(blurred, _cut(next(worlds), _WORLD_FROM_A), b_from_a), b_from_a


def overlay(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """A scene that moves behind a display that does not."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    state = rng.bit_generator.state
    for image in (a, b):
        rng.bit_generator.state = state
        trap_drawings.draw_overlay(rng, image)
    return a, b, b_from_a


def inverted(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """B is a negative."""
    a, b, b_from_a = _two_views(rng, next(worlds))
    return a, 255 - b, b_from_a


def mirrored(rng: np.random.Generator, worlds: Worlds) -> Rendered:
    """B is a mirror image, which no camera sees of a plane."""
    a, b, _ = _two_views(rng, next(worlds))
    return a, np.ascontiguousarray(b[:, ::-1]), None
