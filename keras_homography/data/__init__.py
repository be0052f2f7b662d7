"""Sources of images, and the pairs of patches made from them."""
