"""Two or more images -> homographies, or a reason why not; needs no TensorFlow."""
