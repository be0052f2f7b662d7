"""Drawn images for traps: chessboards, facades, pages of text, skies. All gray, uint8."""

import cv2
import numpy as np

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FONT = cv2.FONT_HERSHEY_COMPLEX_SMALL


def draw_chessboard(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw a board of equal squares that goes on beyond the image, uint8 `[height, width]`."""
    side = int(rng.integers(32, 52))
    dark, bright = int(rng.integers(10, 70)), int(rng.integers(170, 245))
    y, x = np.mgrid[:height, :width]
    return np.where((x // side + y // side) % 2, bright, dark).astype(np.uint8)


def draw_facade(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw rows of equal windows, of which one in four has something of its own."""
    cell_x, cell_y = int(rng.integers(58, 80)), int(rng.integers(72, 100))
    wall = np.full((height, width), rng.integers(110, 180), np.float32)
    wall += cv2.GaussianBlur(rng.normal(0, 12, (height, width)).astype(np.float32), (0, 0), 1.5)
    window_x, window_y = int(0.55 * cell_x), int(0.6 * cell_y)
    for top in range(cell_y // 5, height - window_y, cell_y):
        for left in range(cell_x // 5, width - window_x, cell_x):
            box = wall[top : top + window_y, left : left + window_x]
            box[:] = 55 + 20 * np.linspace(0, 1, window_y)[:, None]
            cv2.rectangle(box, (0, 0), (window_x - 1, window_y - 1), 220, 3)
            cv2.line(box, (window_x // 2, 0), (window_x // 2, window_y), 210, 2)
            cv2.line(box, (0, window_y // 3), (window_x, window_y // 3), 210, 2)
            if rng.random() < 0.25:
                shade = int(rng.integers(90, 200))
                lowered = int(rng.uniform(0.2, 0.9) * window_y)
                box[3:lowered, 3 : window_x - 3] = shade
    return np.clip(wall, 0, 255).astype(np.uint8)


def draw_page(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw a page of random words; the layout, margins and lines, is always the same."""
    page = np.full((height, width), 235, np.uint8)
    cv2.rectangle(page, (24, 20), (width - 24, 48), 60, -1)
    for top in range(76, height - 16, 22):
        left = 28
        while left < width - 90:
            word = "".join(rng.choice(list(_LETTERS), rng.integers(2, 9)))
            cv2.putText(page, word, (left, top), _FONT, 0.8, 30, 1, cv2.LINE_AA)
            left += cv2.getTextSize(word, _FONT, 0.8, 1)[0][0] + 10
    return page


def draw_sky(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw a smooth gradient with broad clouds of little contrast, float32 `[height, width]`."""
    coarse = rng.normal(0, 1, (height // 60 + 3, width // 60 + 3)).astype(np.float32)
    clouds = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    gradient = np.linspace(rng.uniform(140, 180), rng.uniform(190, 230), height)[:, None]
    return (gradient + 6 * clouds).astype(np.float32)


def draw_overlay(
    rng: np.random.Generator, image: np.ndarray, *, caption: str | None = None
) -> None:
    """Draw a display of text, bars and a cross-hair over an image, in place.

    Args:
      rng: of the display; the same state draws the same display.
      image: uint8 `[height, width]`.
      caption: draw a bar with this text at the bottom instead.
    """
    height, width = image.shape
    if caption is not None:
        image[int(0.84 * height) :] = 20
        cv2.putText(image, caption, (12, int(0.94 * height)), _FONT, 0.9, 240, 1, cv2.LINE_AA)
        return
    for row in range(3):
        text = "".join(rng.choice(list(_LETTERS.upper() + "0123456789"), 14))
        cv2.putText(image, text, (10, 22 + 20 * row), _FONT, 0.8, 255, 1, cv2.LINE_AA)
    center = width // 2, height // 2
    cv2.circle(image, center, 30, 255, 2)
    cv2.line(image, (center[0] - 45, center[1]), (center[0] + 45, center[1]), 255, 2)
    cv2.line(image, (center[0], center[1] - 45), (center[0], center[1] + 45), 255, 2)
    cv2.rectangle(image, (width - 150, height - 40), (width - 15, height - 15), 255, -1)
    cv2.rectangle(image, (width - 145, height - 35), (width - 60, height - 20), 0, -1)
