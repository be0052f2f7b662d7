"""Sizes of the matcher's feature maps. Imports nothing: registration must not import TensorFlow."""

COARSE_STRIDE = 8  # pixels from one cell of coarse features to the next
FINE_STRIDE = 4  # pixels from one fine feature to the next
SIZE_MULTIPLE = 32  # sides of an image must be multiples of it: the coarsest stride
COARSE_CHANNELS, FINE_CHANNELS = 64, 32

# Fine features of B that are compared with one cell of A, along each side. They reach beyond the
# nearest cell, because the true one may be its neighbor.
WINDOW = 8
