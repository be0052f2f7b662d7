"""Many photos to one panorama. Nothing here imports TensorFlow."""
