"""Deep homography estimation in Keras: train, measure, export, run.

In the order that data flows: `photos` and `synthetic` (where photos come from), `pairs` and
`datasets` (labelled pairs), `models`, `losses`, `metrics`, `training` and `callbacks`, `artifacts`
(.keras, SavedModel, TFLite), `figures`. Below them: `geometry`, which states the conventions, and
`warping`. Programs: `python -m keras_homography.train`.
"""

import os

__version__ = "0.1.0"

# Keras would otherwise follow ~/.keras/keras.json, which may name the backend of another project.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
