"""Draw dead-leaves images, which have the statistics of photos, from a seed in the graph.

A dead-leaves image (Lee, Mumford, Huang 2001, "Occlusion models for natural images") is what
remains visible of leaves that fell on each other: like a photo it has occlusion, sharp and soft
edges, smooth and busy regions, and structure of every size (leaves per size fall as size^-3).
Drawing leaves one by one is slow in a graph. Here each layer is a grid of cells with at most one
leaf a cell, so that a whole layer is a few operations on all its pixels; layers of equal area in
every size give the power law.

A color image is the gray one and two chroma planes behind the same edges: Cb and Cr as in JPEG
files, so that its gray levels are those of the gray image of the same seed, up to what is clipped.
"""

import math

import numpy as np
import tensorflow as tf

# Side of the cells in pixels, first layer at the bottom. Sizes alternate so that large leaves also
# occlude small ones.
_LAYERS = (192, 96, 48, 128, 24, 64, 160, 32, 16, 96, 48, 12, 72, 24, 40, 9, 112, 30)
# Random properties of a leaf: lowest and highest. Lengths are in half cells, gray levels about in
# [-1, 1].
_LEAF = {
    "x": (-0.35, 0.35),
    "y": (-0.35, 0.35),
    "angle": (0.0, 2.0 * math.pi),
    "radius": (0.25, 0.8),
    "elongation": (0.3, 1.0),
    "kind": (0.0, 1.0),
    "blur": (-11.0, 5.0),  # of the edge, in pixels: one leaf in four is out of focus
    "presence": (-1.0, 3.0),  # above 0: the cell has a leaf
    "stripes": (0.5, 3.0),  # how many over the leaf's radius
    "striped": (-4.0, 1.0),  # above 0: their contrast
    "gray": (-1.0, 1.0),
    "shade": (-0.3, 0.3),
    "texture": (0.0, 1.0),
}
_COARSEST_NOISE = 64  # pixels between the values of the coarsest octave of texture
_BORDER = 32  # of the texture, so that every layer can shift it
_CHROMA_TEXTURE = 0.25  # contrast of the texture of chroma over that of gray levels
# Gray levels, and in color also Cb and Cr: float32 `[height, width]` each.
Planes = list[tf.Tensor]


def _draw_noise(seed: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Draw texture whose spectrum falls as 1/f: float32 `[height, width]`, about in [-1, 1]."""
    octaves = int(math.log2(_COARSEST_NOISE)) + 1
    total = tf.zeros([height, width])
    for octave, seed_of_octave in enumerate(tf.unstack(tf.random.split(seed, octaves))):
        step = 2**octave
        grid = [height // step + 2, width // step + 2]
        values = tf.random.stateless_uniform([*grid, 1], seed_of_octave, -1.0, 1.0)
        if step > 1:
            values = tf.image.resize(values, [grid[0] * step, grid[1] * step])
        total += values[:height, :width, 0] * (step / _COARSEST_NOISE) ** 0.75
    return total / 2.0


def _draw_chroma_texture(seed: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Draw texture of Cb: at half the resolution, as chroma varies slowly in photos."""
    rows, columns = height // 2 + 1, width // 2 + 1
    texture = _CHROMA_TEXTURE * _draw_noise(seed, rows, columns)
    texture = tf.image.resize(texture[..., None], [2 * rows, 2 * columns])
    return texture[:height, :width, 0]


def _draw_chroma(seed: tf.Tensor, count: int) -> Planes:
    """Draw Cb and Cr of leaves, float32 `[count, 1]`: mostly weak, a few saturated."""
    angle, saturation = tf.unstack(tf.random.stateless_uniform([2, count, 1], seed))
    saturation **= 3
    # Photos vary more between orange and blue than between green and magenta.
    orange = saturation * tf.cos(2.0 * math.pi * angle)
    magenta = 0.5 * saturation * tf.sin(2.0 * math.pi * angle)
    return [magenta - orange, magenta + orange]


def _as_rgb(gray: tf.Tensor, cb: tf.Tensor, cr: tf.Tensor) -> Planes:
    """Return red, green and blue: the conversion of JPEG files."""
    return [gray + 1.402 * cr, gray - 0.344136 * cb - 0.714136 * cr, gray + 1.772 * cb]


def _draw_leaves(seed: tf.Tensor, count: int) -> dict[str, tf.Tensor]:
    """Draw the properties of leaves: `{property: float32 [count, 1]}`."""
    low, high = np.array(list(_LEAF.values()), np.float32).T[:, :, None, None]
    random = tf.random.stateless_uniform([len(_LEAF), count, 1], seed)
    return dict(zip(_LEAF, tf.unstack(low + (high - low) * random), strict=True))


def _draw_layer(
    seed: tf.Tensor, cell: int, height: int, width: int, in_color: bool
) -> tuple[tf.Tensor, tf.Tensor, Planes]:
    """Draw one layer of leaves.

    Args:
      seed: int64 `[2]`.
      cell: side of its cells, in pixels.
      height: of the image, in pixels.
      width: of the image, in pixels.
      in_color: whether leaves have Cb and Cr.

    Returns:
      `(opacity, texture_strength, planes)`, float32 `[height, width]` each.
    """
    rows, columns = height // cell + 2, width // cell + 2
    seed_of_leaves, seed_of_shift = tf.unstack(tf.random.split(seed, 2))
    leaf = _draw_leaves(seed_of_leaves, rows * columns)

    # Cells by pixels, `[rows * columns, cell * cell]`, by matrix products: far faster on a CPU
    # than broadcasting over four dimensions.
    line = np.linspace(-1.0, 1.0, cell, dtype=np.float32)
    y, x = (part.ravel() for part in np.meshgrid(line, line, indexing="ij"))
    pixels = np.stack([x, y, np.ones_like(x)])
    cosine, sine = tf.cos(leaf["angle"]) / leaf["radius"], tf.sin(leaf["angle"]) / leaf["radius"]
    x0, y0, elongation = leaf["x"], leaf["y"], leaf["elongation"]
    along = tf.concat([cosine, sine, -cosine * x0 - sine * y0], -1) @ pixels
    across = (tf.concat([-sine, cosine, sine * x0 - cosine * y0], -1) / elongation) @ pixels

    ellipse = tf.sqrt(along * along + across * across)
    rectangle = tf.maximum(tf.abs(along), tf.abs(across))
    triangle = tf.maximum(1.126 * tf.abs(along) + 0.65 * across, -1.3 * across)
    distance = tf.where(  # from the center; 1 at the edge
        leaf["kind"] < 0.4, ellipse, tf.where(leaf["kind"] < 0.75, rectangle, triangle)
    )

    # `radius * cell / 2` is the leaf's radius in pixels.
    focus = tf.maximum(1.0, leaf["blur"])
    sharpness = elongation * leaf["radius"] * (cell / 2.0) / focus
    present = tf.cast(leaf["presence"] > 0.0, tf.float32)
    opacity = present * tf.clip_by_value((1.0 - distance) * sharpness + 0.5, 0.0, 1.0)

    stripes = along * leaf["stripes"]
    stripes = tf.maximum(0.0, leaf["striped"]) * tf.abs(stripes - tf.round(stripes))
    gray = leaf["gray"] + leaf["shade"] * (along + across) + stripes
    layer = tf.reshape(tf.stack([opacity, gray]), [2, rows, columns, cell, cell])
    layer = tf.reshape(tf.transpose(layer, [0, 1, 3, 2, 4]), [2, rows * cell, columns * cell])
    shift = tf.random.stateless_uniform([3], seed_of_shift, 0, cell, tf.int32) * [0, 1, 1]
    opacity, gray = tf.unstack(tf.slice(layer, shift, [2, height, width]), num=2)

    uniform = [leaf["texture"] ** 2]  # the same all over a leaf
    if in_color:
        uniform += _draw_chroma(tf.random.fold_in(seed_of_leaves, 1), rows * columns)
    uniform = tf.reshape(tf.stack(uniform), [len(uniform), rows, columns])
    uniform = tf.gather(uniform, (tf.range(width) + shift[2]) // cell, axis=2)
    uniform = tf.gather(uniform, (tf.range(height) + shift[1]) // cell, axis=1)
    texture_strength, *chroma = tf.unstack(uniform, num=uniform.shape[0])
    return opacity, texture_strength, [gray, *chroma]


@tf.function(autograph=False)  # Traced once a size; every pipeline that draws would trace it anew.
def draw_image(seed: tf.Tensor, height: int, width: int, channels: int = 1) -> tf.Tensor:
    """Draw one image.

    Example:
      >>> image = draw_image(tf.constant([0, 1], tf.int64), 240, 320)

    Args:
      seed: int64 `[2]`. The same seed gives the same image, bit for bit.
      height: in pixels.
      width: in pixels.
      channels: 1 for gray levels, 3 for RGB.

    Returns:
      Uint8 `[height, width, channels]`.
    """
    seeds = iter(tf.unstack(tf.random.split(seed, 2 * len(_LAYERS) + 4)))
    texture = _draw_noise(next(seeds), height + _BORDER, width + _BORDER)
    fixed_texture = texture[:height, :width]
    textures = [fixed_texture]
    if channels == 3:
        blue = _draw_chroma_texture(tf.random.fold_in(seed, 1), height, width)
        textures += [blue, -blue]  # Cb and Cr: between blue and orange
    canvas = list(textures)
    clutter = tf.random.stateless_uniform([], next(seeds), 0.2, 1.0)
    for cell in _LAYERS:
        opacity, strength, levels = _draw_layer(next(seeds), cell, height, width, channels == 3)
        if cell < 64:
            # Small leaves come in groups, as in photos, and leave some areas smooth.
            shift = tf.random.stateless_uniform([2], next(seeds), 0, _BORDER, tf.int32)
            groups = tf.slice(texture, shift, [height, width])
            opacity *= tf.clip_by_value(8.0 * (groups + clutter - 0.5), 0.0, 1.0)
        canvas = [
            plane + opacity * (level + strength * plane_texture - plane)
            for plane, level, plane_texture in zip(canvas, levels, textures, strict=True)
        ]

    contrast, brightness, sharpness, slope_x, slope_y = tf.unstack(
        tf.random.stateless_uniform([5], next(seeds))
    )
    light = (slope_x - 0.5) * np.linspace(-0.5, 0.5, width, dtype=np.float32)
    light += (slope_y - 0.5) * np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    gray, *chroma = canvas
    canvas = [80.0 + 80.0 * brightness + (50.0 + 100.0 * contrast) * (gray + light)]
    if channels == 3:
        saturation = tf.random.stateless_uniform([], next(seeds), 0.2, 1.0)
        canvas += [saturation * (50.0 + 100.0 * contrast) * plane for plane in chroma]

    # A lens: blur with a small kernel, from none to [1 2 1] / 4.
    side = 0.25 * sharpness
    for axis in (0, 1):
        canvas = [
            (1.0 - 2.0 * side) * plane + side * (tf.roll(plane, 1, axis) + tf.roll(plane, -1, axis))
            for plane in canvas
        ]
    image = tf.stack(_as_rgb(*canvas) if channels == 3 else canvas, -1)
    return tf.cast(tf.round(tf.clip_by_value(image, 0.0, 255.0)), tf.uint8)
