"""Photometric model and constants of Lucas–Kanade, which both implementations share.

`layers.lucas_kanade` refines the network's patches in TensorFlow, `registration.lucas_kanade` whole
images in NumPy. Both minimize the same thing, with functions and classes of the same names:

**Model.** `B(x) = tone(A(a_from_b · x))`. Between gray levels `tone` is the identity plus a
quadratic, `tone(g) = g + t0 + t1 z + t2 z²` with `z = (g - MID_GRAY) / MID_GRAY`, so that
brightness, contrast and gamma of the images may differ.

**Step** (Gauss–Newton; efficient second-order minimization, ESM: Malis 2004, Benhimane & Malis
2004). The homography is composed with a small one, `a_from_b (I + S)`, where `S` has eight
elements, row by row, and a zero. It moves a point `(x, y)` of B by

    dx = s0 x + s1 y + s2 - x (s6 x + s7 y)        dy = s3 x + s4 y + s5 - y (s6 x + s7 y),

so that with `(gx, gy)`, the mean of the gradients of B and of the toned, warped A, each pixel gives
one equation, linear in `s` and `t`:

    x gx s0 + y gx s1 + gx s2 + x gy s3 + y gy s4 + gy s5 + x r s6 + y r s7 + t0 + t1 z + t2 z²
        = B - A                                                    with r = -(x gx + y gy).

The gradient of the toned A is that of A times `1 + (t1 + 2 t2 z) / MID_GRAY`. Using the mean of
both gradients instead of A's alone makes the step second-order at no cost. Coordinates are centered
and scaled to about 1, and the unknowns `t` divided by `MID_GRAY`, so that the normal equations are
well conditioned.

**Weights** (Geman–McClure) leave out what is occluded: `1 / (1 + (residual / (WIDTH * scale))²)²`.
The scale is `SCALE_FACTOR` times the geometric mean of the absolute residuals, never below
`MIN_SCALE`: an occluded quarter moves a geometric mean little, and unlike a median it needs no
sorting. Where more is occluded, `registration.lucas_kanade_weights` weighs whole regions, too.

**Exposure.** A clipped pixel says only that it was darker or brighter than the camera could tell.
Its weight falls from 1 to 0 over one gray level, from `DARKEST + 1` to `DARKEST` and from
`BRIGHTEST - 1` to `BRIGHTEST`, in A and in B: a smooth weight, so that the result does not jump
with rounding.

**Disagreement** of two aligned images, in pixels: the geometric mean of
`(|residual| + 1) / (|gradient of B| + 1)`, in gray levels and gray levels a pixel.

Gray levels are compared without smoothing: at the truth, bilinear samples of A are exactly what a
bilinear camera saw in B. This module imports neither TensorFlow nor Keras.
"""

MID_GRAY = 127.5
NUM_STEPS = 8  # unknowns of a homography
NUM_TONES = 3  # coefficients of the tone curve: of 1, z and z²

DARKEST, BRIGHTEST = 1.0, 254.0  # gray levels at which a pixel counts as clipped

MIN_SCALE = 1.0  # gray levels: what rounding alone leaves over
SCALE_FACTOR = 2.0
RESIDUAL_FLOOR = 0.1  # gray levels, added so that residuals have a logarithm
WIDTH = 3.0  # scales at which an equation counts a quarter

# Relative to the mean of the diagonal of the normal equations (Levenberg 1944).
DAMPING_FLOAT32, DAMPING_FLOAT64 = 1e-5, 1e-6  # as much as the precision needs
TONE_DAMPING = 1e-4
MIN_DAMPING = 1e-9

# Gray levels, and gray levels a pixel: keep the ratio finite where there is no texture.
DISAGREEMENT_FLOOR = 1.0
