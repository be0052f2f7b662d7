"""A training run: configuration, inputs, loop, checkpoints, report."""
