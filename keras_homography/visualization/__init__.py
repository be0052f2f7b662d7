"""Figures of patches, overlays of aligned images, learning curves, and writing them to files."""
