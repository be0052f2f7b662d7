"""Write pictures as PNG and JPEG files."""

import cv2


def write_png(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`."""
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def write_jpeg(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`, lossy: a fifth of a PNG for photos."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
