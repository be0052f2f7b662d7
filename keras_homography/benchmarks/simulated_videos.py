"""Simulated hand-held videos whose homographies are known: a pure function of images and a seed.

A camera in a shaking hand looks at a plane, an image larger than its frames. Its exposure drifts,
its sensor is noisy, and its frames are JPEG files, decoded.
"""

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays

FRAMES_PER_SECOND = 30.0
WORLD_SCALE = 1.5  # of the size of a frame: that of the image that the camera looks at
_TREMOR = 8.0  # Hz, of a hand
_DRIFTS = (0.15, 0.35, 0.7)  # Hz, of the slow motion of an arm
_GAIN_DRIFT, _OFFSET_DRIFT = 0.15, 10.0  # logarithm of the gain; gray levels
_NOISE = 2.0  # gray levels, standard deviation
_JPEG_QUALITY = 85


@dataclasses.dataclass(frozen=True)
class VideoKind:
    """How a video is made.

    Attributes:
      width: of a frame, pixels.
      height: of a frame, pixels.
      frames: number of frames after A.
      motion: how far slow motion moves the corners, as a share of the width.
      tremor: how far a hand's tremor moves the corners, as a share of the width.
      occluder: share of a frame that a thing covers which moves before the camera, also in A.
    """

    width: int = 640
    height: int = 480
    frames: int = 90
    motion: float = 0.04
    tremor: float = 0.001
    occluder: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """`(width, height)` of a frame, pixels."""
        return self.width, self.height

    @property
    def world_size(self) -> tuple[int, int]:
        """`(width, height)` of the image that the camera looks at, pixels."""
        return int(WORLD_SCALE * self.width), int(WORLD_SCALE * self.height)


@dataclasses.dataclass(frozen=True, eq=False)
class Video:
    """A video and its truth.

    Attributes:
      image_a: uint8 `[height, width]`, the image that frames are registered to.
      frames: uint8 `[frames, height, width]`.
      a_from_frames: float64 `[frames, 3, 3]`, pixels of each frame to pixels of A.
    """

    image_a: npt.NDArray[np.uint8]
    frames: npt.NDArray[np.uint8]
    a_from_frames: npt.NDArray[np.float64]


def simulate(
    world: npt.NDArray[np.uint8], thing: npt.NDArray[np.uint8], kind: VideoKind, seed: int
) -> Video:
    """Simulate a video.

    Args:
      world: `[height, width]` of `kind.world_size`: what the camera looks at.
      thing: the same: what the occluder is cut from.
      kind: how the video is made.
      seed: of the motion, the light and the noise.

    Returns:
      The video. The first frame follows A after a thirtieth of a second.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(kind.frames + 1) / FRAMES_PER_SECOND
    offsets = _corner_offsets(rng, kind, times)
    gains = np.exp(_GAIN_DRIFT * _smooth(rng, times, _DRIFTS))
    biases = _OFFSET_DRIFT * _smooth(rng, times, _DRIFTS)
    corners = arrays.corners(kind.size).astype(np.float32)
    middle = (np.array(kind.world_size) - kind.size) / 2
    world_from_frames = [
        cv2.getPerspectiveTransform(corners, (corners + middle + offset).astype(np.float32))
        for offset in offsets
    ]
    places = _occluder_places(rng, kind, times)
    images = []
    for matrix, gain, bias, place in zip(world_from_frames, gains, biases, places, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpPerspective(
            world, matrix, kind.size, flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        _occlude(seen, thing, kind, place)
        images.append(_develop(rng, seen, gain, bias))
    a_from_world = np.linalg.inv(world_from_frames[0])
    a_from_frames = np.array([a_from_world @ matrix for matrix in world_from_frames[1:]])
    return Video(images[0], np.stack(images[1:]), a_from_frames / a_from_frames[:, 2:, 2:])


def _smooth(
    rng: np.random.Generator, times: npt.NDArray[np.float64], frequencies: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """A random smooth function of time, about -1 to 1: sine waves, slow ones the largest."""
    amplitudes = 1.0 / np.array(frequencies)
    amplitudes *= rng.uniform(0.5, 1.0, len(frequencies)) / amplitudes.sum()
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    waves = np.sin(2 * np.pi * np.outer(times, frequencies) + phases)
    return waves @ amplitudes


def _corner_offsets(
    rng: np.random.Generator, kind: VideoKind, times: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How far the corners are from the middle of the world, `[times, 4, 2]`, pixels."""

    def motion(frequencies: tuple[float, ...]) -> npt.NDArray[np.float64]:
        # Mostly a shift, then a turn and a zoom, least of all perspective.
        shift = np.stack([_smooth(rng, times, frequencies) for _ in range(2)], -1)[:, None]
        turn, zoom = (_smooth(rng, times, frequencies)[:, None, None] for _ in range(2))
        around = arrays.corners((2, 2)) - 1.0
        linear = zoom * around + turn * around[:, ::-1] * (-1, 1)
        single = np.stack([_smooth(rng, times, frequencies) for _ in range(8)], -1)
        return shift + 0.5 * linear + 0.15 * single.reshape(-1, 4, 2)

    slow, fast = motion(_DRIFTS), motion((_TREMOR, 1.3 * _TREMOR))
    return kind.width * (kind.motion * slow + kind.tremor * fast)


def _occluder_places(
    rng: np.random.Generator, kind: VideoKind, times: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Where the top left corner of the occluder is, `[times, 2]`, pixels of a frame."""
    room = np.array(kind.size) * (1.0 - np.sqrt(kind.occluder))
    ways = np.stack([_smooth(rng, times, (0.2, 0.45)) for _ in range(2)], axis=-1)
    return room * np.clip(0.5 + 0.6 * ways, 0.0, 1.0)


def _occlude(
    seen: npt.NDArray[np.uint8],
    thing: npt.NDArray[np.uint8],
    kind: VideoKind,
    place: npt.NDArray[np.float64],
) -> None:
    """Draw the occluder, a rectangle, into a frame."""
    width, height = (int(side * np.sqrt(kind.occluder)) for side in kind.size)
    x, y = np.round(place).astype(int)
    seen[y : y + height, x : x + width] = thing[:height, :width]


def _develop(
    rng: np.random.Generator, seen: npt.NDArray[np.uint8], gain: float, bias: float
) -> npt.NDArray[np.uint8]:
    """What the camera makes of what it sees: exposure, noise, JPEG."""
    noise = rng.normal(0.0, _NOISE, seen.shape)
    exposed = np.clip(np.round(gain * seen + bias + noise), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", exposed, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
