"""Names that `--loss`, `--optimizer`, `--schedule` and `--mixed_precision` accept.

Imports no TensorFlow: flags and configurations use the names before TensorFlow is needed.
"""

LOSSES = ("corner", "l2", "huber", "cross_entropy", "photometric", "matching")
OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "step", "cosine")
PRECISIONS = ("none", "auto", "bfloat16", "float16")
PAIR_MAKERS = ("host", "device")
