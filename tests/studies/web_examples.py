"""Render the example pairs of the page: nothing in them is anybody's photo.

    python tests/studies/web_examples.py keras_homography/web/examples

Maps of countries that do not exist on a wooden desk, mountains that nobody has climbed, tiles.
"""

import pathlib
import sys

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 800, 600
FONTS = pathlib.Path(matplotlib.get_data_path(), "fonts/ttf")
SYLLABLES = [
    "al",
    "bor",
    "ca",
    "den",
    "el",
    "fen",
    "gar",
    "hol",
    "is",
    "kar",
    "lo",
    "mar",
    "nor",
    "os",
]
SYLLABLES += ["pel", "quin", "ros", "sel", "tor", "ul", "ven", "wick", "yar", "zem"]


def noise(rng, height, width, first, octaves, persistence=0.55):
    """Fractal noise of mean 0 and deviation 1, float32 `[height, width]`."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = first * 2**octave
        grid = rng.normal(size=(cells * height // width + 3, cells + 3)).astype(np.float32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += persistence**octave * layer
    return (total - total.mean()) / total.std()


def shade(heights, strength):
    """Light from the north-west."""
    gradient_x, gradient_y = (
        cv2.Sobel(heights, cv2.CV_32F, 1, 0),
        cv2.Sobel(heights, cv2.CV_32F, 0, 1),
    )
    return np.clip(1.0 - strength * (gradient_x + gradient_y), 0.55, 1.35)[..., None]


def palette(values, stops, colors):
    """Colors between stops, float32 `[..., 3]`."""
    channels = [np.interp(values, stops, [color[c] for color in colors]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def lines_between(values, step):
    """Where values pass a multiple of a step: 1 on the line, else 0."""
    bands = np.floor(values / step)
    edges = (np.diff(bands, axis=0, prepend=bands[:1]) != 0) | (
        np.diff(bands, axis=1, prepend=bands[:, :1]) != 0
    )
    return cv2.GaussianBlur(edges.astype(np.float32), (0, 0), 0.7)[..., None]


def draw_map(seed, width=1800, height=1300):
    """A printed map of an invented country, uint8 RGB."""
    rng = np.random.default_rng(seed)
    heights = noise(rng, height, width, 3, 7)
    land = palette(
        heights,
        [-2.5, -0.35, -0.3, 0.1, 0.8, 1.5, 2.4],
        [
            (120, 168, 199),
            (186, 216, 226),
            (214, 222, 180),
            (196, 210, 150),
            (224, 205, 150),
            (196, 160, 118),
            (246, 243, 238),
        ],
    )
    image = land * shade(heights, 1.1)
    image = image * (1 - 0.35 * lines_between(np.maximum(heights, -0.3), 0.2))
    image = image * (1 - 0.6 * lines_between(heights, 0.001 + 3.0e3 * (heights < -0.3) + 0.3))
    sheet = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(sheet)
    for x in range(0, width, width // 9):
        draw.line([(x, 0), (x, height)], fill=(120, 130, 140), width=1)
    for y in range(0, height, height // 7):
        draw.line([(0, y), (width, y)], fill=(120, 130, 140), width=1)
    towns = [
        place
        for place in rng.uniform([60, 60], [width - 160, height - 60], (90, 2))
        if heights[int(place[1]), int(place[0])] > -0.2
    ][:34]
    for x, y in towns:
        for other in sorted(towns, key=lambda t: (t[0] - x) ** 2 + (t[1] - y) ** 2)[1:3]:
            middle = (x + other[0]) / 2 + rng.normal() * 14, (y + other[1]) / 2 + rng.normal() * 14
            draw.line([(x, y), middle, tuple(other)], fill=(176, 60, 44), width=3, joint="curve")
    for i, (x, y) in enumerate(towns):
        large = i % 5 == 0
        name = "".join(rng.choice(SYLLABLES, 3 if large else 2)).capitalize()
        font = ImageFont.truetype(str(FONTS / "DejaVuSerif.ttf"), 34 if large else 22)
        radius = 8 if large else 5
        draw.ellipse(
            [x - radius, y - radius, x + radius, y + radius], fill="white", outline="black", width=2
        )
        draw.text(
            (x + 12, y - 14),
            name,
            font=font,
            fill=(30, 30, 34),
            stroke_width=2,
            stroke_fill=(245, 242, 230),
        )
    framed = Image.new("RGB", (width + 120, height + 120), (248, 244, 232))
    framed.paste(sheet, (60, 60))
    draw = ImageDraw.Draw(framed)
    draw.rectangle([60, 60, width + 59, height + 59], outline=(40, 40, 40), width=4)
    title = "".join(rng.choice(SYLLABLES, 3)).upper()
    font = ImageFont.truetype(str(FONTS / "DejaVuSerif-Bold.ttf"), 58)
    box = draw.textbbox((110, 100), title, font=font)
    draw.rectangle(
        [90, 84, box[2] + 22, box[3] + 20], fill=(248, 244, 232), outline=(40, 40, 40), width=3
    )
    draw.text((110, 96), title, font=font, fill=(40, 40, 40))
    return np.array(framed)


def on_desk(sheet, seed):
    """A sheet on a wooden desk, seen from above."""
    rng = np.random.default_rng(seed)
    height, width = sheet.shape[0] + 700, sheet.shape[1] + 900
    grain = cv2.resize(
        noise(rng, height, width // 8, 6, 5), (width, height), interpolation=cv2.INTER_CUBIC
    )
    rings = np.sin(
        7 * grain + np.linspace(0, 40, height)[:, None] + noise(rng, height, width, 40, 3) * 0.3
    )
    wood = palette(
        rings + 0.3 * noise(rng, height, width, 200, 2),
        [-1.6, 0, 1.6],
        [(92, 58, 34), (128, 84, 50), (158, 110, 70)],
    )
    top, left = 350, 450
    shadow = np.zeros((height, width), np.float32)
    shadow[top + 14 : top + 14 + sheet.shape[0], left + 14 : left + 14 + sheet.shape[1]] = 0.55
    desk = wood * (1 - cv2.GaussianBlur(shadow, (0, 0), 16)[..., None])
    desk[top : top + sheet.shape[0], left : left + sheet.shape[1]] = sheet
    return np.clip(desk, 0, 255).astype(np.uint8)


def photograph(scene, corners, seed, light=(1.0, 1.0, 1.0), slope=(0.12, -0.08), grain=3.0):
    """A photo of a plane scene whose corners it sees at these places (in shares of the photo)."""
    rng = np.random.default_rng(seed)
    height, width = scene.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    target = np.array(corners, np.float32) * np.float32([2 * WIDTH, 2 * HEIGHT])
    matrix = cv2.getPerspectiveTransform(source, target)
    large = cv2.warpPerspective(
        scene, matrix, (2 * WIDTH, 2 * HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    return develop(
        cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), rng, light, slope, grain
    )


def develop(image, rng, light, slope, grain):
    """Light that falls off, noise: what a camera adds."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    fall = 1.0 + slope[0] * x + slope[1] * y - 0.16 * (x * x + y * y)
    image = image * fall[..., None] * np.array(light)
    image += rng.normal(size=image.shape[:2])[..., None] * grain
    return np.clip(image, 0, 255).astype(np.uint8)


def draw_valley(seed, width=3000, height=1500):
    """Mountains, one range behind the other, forests in front; `(picture, without light)`."""
    rng = np.random.default_rng(seed)
    y, _x = np.mgrid[:height, :width].astype(np.float32)
    clouds = noise(rng, height, width, 5, 6) - 0.4
    sky = palette(y / height, [0, 0.6], [(96, 148, 200), (226, 232, 232)])
    image = sky + np.clip(clouds, 0, 1.6)[..., None] * (255 - sky) * 0.55
    ranges = [
        (0.40, 0.16, (150, 166, 186)),
        (0.50, 0.15, (112, 130, 146)),
        (0.60, 0.13, (84, 104, 104)),
        (0.72, 0.10, (66, 88, 66)),
        (0.86, 0.07, (44, 64, 40)),
    ]
    for number, (level, amplitude, color) in enumerate(ranges):
        profile = noise(rng, 8, width, 4 + 3 * number, 8, 0.5)[4]
        crest = (level - amplitude * 0.45 * profile) * height
        inside = y > crest
        rock = noise(rng, height, width, 14 + 16 * number, 6, 0.65)
        depth = np.clip((y - crest) / height, 0, 1)
        body = np.array(color, np.float32) * np.clip(1 + 0.22 * rock, 0.4, 1.6)[..., None]
        body *= shade(cv2.GaussianBlur(rock, (0, 0), 2), 0.5)
        if number < 2:
            snow = np.clip((0.10 - depth) * 14 + rock * 0.9, 0, 1)[..., None]
            body = body * (1 - snow) + snow * np.array([244, 246, 250])
        mist = np.exp(-((0.30 - depth).clip(0) * 9))[..., None] * (0.5 - 0.1 * number)
        image = np.where(
            inside[..., None], body * (1 - mist) + mist * np.array([214, 222, 226]), image
        )
    for _ in range(900):
        foot_x, foot_y = rng.uniform(0, width), height * rng.uniform(0.80, 1.08)
        tall = 26 + 90 * (foot_y / height - 0.78) * rng.uniform(0.8, 1.8) * 2.2
        tone = rng.uniform(0.6, 1.25)
        tree = np.array(
            [
                [foot_x - tall * 0.26, foot_y],
                [foot_x, foot_y - tall],
                [foot_x + tall * 0.26, foot_y],
            ]
        )
        cv2.fillPoly(image, [tree.astype(np.int32)], tuple(float(c * tone) for c in (34, 54, 34)))
        tree[2] = tree[0] * 0.35 + tree[2] * 0.65
        cv2.fillPoly(image, [tree.astype(np.int32)], tuple(float(c * tone) for c in (46, 70, 42)))
    return np.clip(image, 0, 255).astype(np.uint8)


def rotated_view(panorama, yaw, pitch, roll, focal, seed, **development):
    """What a camera sees that turns on the spot, the panorama as a plane."""
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    height, width = panorama.shape[:2]
    to_plane = np.array([[1500, 0, width / 2], [0, 1500, height / 2], [0, 0, 1.0]])
    from_view = np.linalg.inv(
        np.array([[2 * focal, 0, WIDTH], [0, 2 * focal, HEIGHT], [0, 0, 1.0]])
    )
    matrix = to_plane @ about_y @ about_x @ about_z @ from_view
    large = cv2.warpPerspective(
        panorama,
        matrix,
        (2 * WIDTH, 2 * HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    small = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return develop(small, np.random.default_rng(seed), **development)


def draw_tiles():
    """Tiles, all alike."""
    side = 120
    tile = np.full((side, side, 3), (238, 234, 224), np.uint8)
    for radius, color in (
        (54, (36, 84, 120)),
        (44, (238, 234, 224)),
        (30, (190, 92, 50)),
        (14, (36, 84, 120)),
    ):
        cv2.circle(tile, (side // 2, side // 2), radius, color, -1, cv2.LINE_AA)
    for corner in ((0, 0), (side, 0), (0, side), (side, side)):
        cv2.circle(tile, corner, 26, (60, 120, 96), -1, cv2.LINE_AA)
    # Not the same when it is turned.
    cv2.fillPoly(tile, [np.array([(60, 60), (112, 14), (96, 50)])], (36, 84, 120), cv2.LINE_AA)
    cv2.line(tile, (10, 96), (58, 108), (190, 92, 50), 7, cv2.LINE_AA)
    cv2.rectangle(tile, (0, 0), (side - 1, side - 1), (168, 162, 150), 2)
    return np.tile(tile, (16, 22, 1))


def cover(image, seed):
    """Lay sheets of paper and leaves over a photo."""
    rng = np.random.default_rng(seed)
    image = image.astype(np.float32)
    colors = [(236, 208, 96), (232, 232, 226), (222, 120, 88), (120, 168, 152)]
    for i, (x, y, side, angle) in enumerate(
        [
            (0.16, 0.30, 210, 14),
            (0.80, 0.78, 250, -20),
            (0.72, 0.16, 160, 35),
            (0.30, 0.86, 170, -8),
        ]
    ):
        box = cv2.boxPoints(((x * WIDTH, y * HEIGHT), (side, side * 0.8), angle)).astype(np.int32)
        shadow = np.zeros(image.shape[:2], np.float32)
        cv2.fillPoly(shadow, [box + 6], 0.4)
        image *= 1 - cv2.GaussianBlur(shadow, (0, 0), 7)[..., None]
        cv2.fillPoly(image, [box], colors[i], cv2.LINE_AA)
    return np.clip(image + rng.normal(size=image.shape[:2])[..., None] * 2, 0, 255).astype(np.uint8)


FRONT = [(-0.16, -0.14), (1.12, -0.10), (1.20, 1.14), (-0.18, 1.12)]
LEFT = [(-0.06, -0.22), (1.06, 0.02), (1.16, 0.98), (-0.30, 1.30)]
WITHIN = [(-0.6, -0.5), (1.5, -0.6), (1.7, 1.5), (-0.5, 1.6)]
WITHIN_TOO = [(-0.56, -0.53), (1.48, -0.60), (1.66, 1.47), (-0.48, 1.58)]
RIGHT = [(0.04, 0.04), (1.24, -0.22), (1.36, 1.22), (-0.14, 0.92)]


def main(folder):
    """Render and save all pairs."""
    desk, other = on_desk(draw_map(3), 1), on_desk(draw_map(23), 2)
    valley, tiles = draw_valley(11), draw_tiles()
    warm, cold = (1.05, 0.98, 0.86), (0.86, 0.94, 1.06)
    day, evening = (
        {"light": (1, 1, 1), "slope": (0, 0), "grain": 2.5},
        {"light": (1.02, 0.78, 0.62), "slope": (-0.2, 0), "grain": 4.5},
    )
    pairs = {
        "map": (photograph(desk, LEFT, 1, warm), photograph(desk, RIGHT, 2, cold, (-0.16, 0.1))),
        "valley": (
            rotated_view(valley, -6, -2, -3, 830, 3, **day),
            rotated_view(valley, 8, 3, 5, 750, 4, **evening),
        ),
        "covered": (photograph(other, FRONT, 5), cover(photograph(other, RIGHT, 6, warm), 7)),
        "upside_down": (
            photograph(other, FRONT, 8, cold),
            photograph(other, LEFT, 9, warm)[::-1, ::-1],
        ),
        "tiles": (photograph(tiles, WITHIN, 10), photograph(tiles, WITHIN_TOO, 11, cold)),
        "strangers": (photograph(other, FRONT, 12), rotated_view(valley, 3, -1, 2, 800, 13, **day)),
    }
    for name, pair in pairs.items():
        for slot, image in zip("ab", pair, strict=True):
            path = pathlib.Path(folder, f"{name}_{slot}.jpg")
            cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 74])


if __name__ == "__main__":
    main(*sys.argv[1:])
