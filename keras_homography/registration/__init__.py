"""Estimate the homography between two images of any size, or say why not; no TensorFlow."""
