"""Write a folder of image files as users have them: odd, damaged, or no images at all."""

import os
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def _png_chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def lying_png(width, height):
    """Return a PNG file of a hundred bytes whose header claims a size, in pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", header)
        + _png_chunk(b"IDAT", zlib.compress(bytes(100)))
        + _png_chunk(b"IEND", b"")
    )


def lying_jpeg(jpeg, width, height):
    """Return a JPEG file whose header claims another size, in pixels."""
    offset = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:offset] + struct.pack(">HH", height, width) + jpeg[offset + 4 :]


def write(folder, image):
    """Fill a folder.

    Args:
      folder: path, exists.
      image: uint8 `[height, width, 3]`.

    Returns:
      `(usable, unusable)`: the names of the files that are images, and of the others.
    """
    jpeg, png = (cv2.imencode(suffix, image)[1].tobytes() for suffix in (".jpg", ".png"))
    usable = {
        "photo.jpg": jpeg,
        "photo.PNG": png,
        "sp ace é 日本 %s {}.jpg": jpeg,
        "new\nline.jpg": jpeg,
        "16 bit.png": cv2.imencode(".png", image.astype(np.uint16) * 257)[1].tobytes(),
        "30,000 wide.jpg": cv2.imencode(".jpg", np.tile(image, (1, 75, 1)))[1].tobytes(),
    }
    unusable = {
        "empty.jpg": b"",
        "text.jpg": b"this is text" * 50,
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated.png": png[: len(png) // 2],
        "1x1.png": cv2.imencode(".png", image[:1, :1])[1].tobytes(),
        "lying.png": lying_png(100_000, 100_000),
        "lying too.png": lying_png(5_000, 4_000),
        "lying.jpg": lying_jpeg(jpeg, 65_000, 65_000),
    }
    for name, data in (usable | unusable).items():
        (folder / name).write_bytes(data)
    first, *others = (Image.fromarray(np.roll(image, 9 * number, axis=1)) for number in range(3))
    first.convert("P").save(folder / "palette.png")
    first.save(folder / "animated.png", save_all=True, append_images=others)
    first.save(folder / "animated gif.jpg", "GIF", save_all=True, append_images=others)
    first.convert("CMYK").save(folder / "cmyk.jpg")
    (folder / "itself.jpg").symlink_to(folder / "itself.jpg")
    (folder / "nowhere.jpg").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    forbidden = folder / "forbidden.jpg"
    forbidden.write_bytes(jpeg)
    forbidden.chmod(0)
    readable = os.access(forbidden, os.R_OK)  # by root
    return (
        {*usable, "palette.png", "animated.png", *([forbidden.name] if readable else [])},
        {
            *unusable,
            *("animated gif.jpg", "cmyk.jpg", "itself.jpg", "nowhere.jpg", "pipe.jpg"),
            *([] if readable else [forbidden.name]),
        },
    )
