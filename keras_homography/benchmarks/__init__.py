"""What `keras_homography.benchmark` measures, one stage a module: ours and a reference in turns."""
