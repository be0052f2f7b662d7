"""Draw the shipped networks from their layers, and the way of two images through the estimator.

    python tests/studies/architecture_pictures.py .github/images

writes `cascade.png`, `matcher.png` and `estimator.png`. Of a network, layers are read from the
Keras model: a row is a layer's depth, a column the stride of its features. Not part of the suite.
"""

import inspect
import math
import pathlib
import sys

import keras
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

import keras_homography
from keras_homography.registration import candidate_refinement, refusals
from keras_homography.visualization import image_output

# Layers between two boxes: drawn as part of the box before them.
_PASSED = ("BatchNormalization", "ReLU", "Identity", "Rescaling", "RMSNormalization")
_PASSED += ("ZeroPadding2D", "UnitFeatures")
_COLORS = {"Conv2D": "#cfe2f3", "Conv2DTranspose": "#fce5cd", "SeparableConv2D": "#cfe2f3"}
_COLORS |= {"Add": "#eeeeee", "InputLayer": "#ffffff", "FitHomography": "#d9ead3"}
_OTHER = "#fff2cc"
_BOX = {"boxstyle": "round,pad=0.35", "edgecolor": "#666666", "linewidth": 0.8}
_ARROW = {"arrowstyle": "-|>", "color": "#444444", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}


def _operations_before(operation):
    """The operations whose outputs one takes, of every call."""
    parents = []
    for node in operation._inbound_nodes:
        parents += [tensor._keras_history.operation for tensor in node.input_tensors]
    return list(dict.fromkeys(parents))


def _is_box(operation):
    kind = type(operation).__name__
    return isinstance(operation, keras.layers.Layer) and kind not in _PASSED


def _parents(operation, known):
    """The boxes before an operation; what is passed over leads to the boxes before it."""
    found = []
    for parent in _operations_before(operation):
        if parent in known:
            found += [parent] if _is_box(parent) else _parents(parent, known)
    return list(dict.fromkeys(found))


def read_graph(model):
    """The boxes of a functional model, in order: `{layer: (layers before it, depth, stride)}`."""
    known, graph = set(model.operations), {}
    for operation in model.operations:
        if not _is_box(operation):
            continue
        parents = _parents(operation, known)
        depth = 1 + max((graph[parent][1] for parent in parents), default=-1)
        # Layers with several inputs work on the finest grid of them.
        stride = min((graph[parent][2] for parent in parents), default=1)
        if isinstance(operation, keras.layers.Conv2DTranspose):
            stride //= operation.strides[0]
        elif isinstance(operation, keras.layers.Conv2D | keras.layers.SeparableConv2D):
            stride *= operation.strides[0]
        graph[operation] = parents, depth, stride
    return graph


def describe(layer):
    """The text of a layer's box."""
    name = layer.name.replace("_convolution", "").replace("_projection", "").replace("_", " ")
    if not hasattr(layer, "kernel_size"):
        return name
    stride = f" /{layer.strides[0]}" if layer.strides[0] > 1 else ""
    stride = stride.replace("/", "x") if isinstance(layer, keras.layers.Conv2DTranspose) else stride
    return f"{name}  {layer.kernel_size[0]}x{layer.kernel_size[1]}{stride}, {layer.filters}"


def _connect(axes, begin, end, **options):
    """Draw an arrow from the edge of one box to that of another."""
    ends = {"patchA": begin.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    places = end.get_position(), begin.get_position()
    axes.annotate("", *places, arrowprops=_ARROW | ends | options, zorder=1)


def _box(axes, x, y, text, color):
    box = _BOX | {"facecolor": color}
    return axes.text(x, y, text, ha="center", va="center", fontsize=7, bbox=box, zorder=2)


def draw_network(model, title, note):
    """A figure of a functional model."""
    graph = read_graph(model)
    places = {}
    for layer, (_, depth, stride) in graph.items():
        x = math.log2(stride)
        while (x, -depth) in places.values():
            x += 0.75
        places[layer] = x, -depth
    lowest = min(y for _, y in places.values())
    widest = max(x for x, _ in places.values())
    figure, axes = pyplot.subplots(figsize=(1.55 * (widest + 1), 0.36 * (3 - lowest)))
    axes.set_xlim(-0.5, widest + 0.5)
    axes.set_ylim(lowest - 0.6, 1.8)
    boxes = {
        layer: _box(axes, *place, describe(layer), _COLORS.get(type(layer).__name__, _OTHER))
        for layer, place in places.items()
    }
    for layer, (parents, _, _) in graph.items():
        for parent in parents:
            x0, x1 = places[parent][0], places[layer][0]
            # Past the boxes between them.
            is_far = x0 == x1 and graph[layer][1] > graph[parent][1] + 1
            bend = {"connectionstyle": "arc3,rad=0.35"} if is_far else {}
            _connect(axes, boxes[parent], boxes[layer], **bend)
    for stride in sorted({stride for _, _, stride in graph.values()}):
        axes.text(
            math.log2(stride), 0.9, f"stride {stride}", ha="center", color="#888888", fontsize=7
        )
    axes.set_title(f"{title}: {model.count_params():,} parameters\n{note}", fontsize=8)
    axes.axis("off")
    return figure


def draw_estimator():
    """A figure of the way of two images through `HomographyEstimator`."""
    options = inspect.signature(keras_homography.HomographyEstimator).parameters
    attempts, minimum = (options[name].default for name in ("max_attempts", "min_confidence"))
    enough = candidate_refinement.SUFFICIENT_CONFIDENCE
    boxes = {
        "images": (0.0, 0.0, "image A, image B\nany size, gray levels", "#ffffff"),
        "borders": (1.5, 0.0, "empty borders\nand masks left out", "#eeeeee"),
        "start": (
            3.1,
            0.0,
            "initialization\n1. network, 128x128\n2. dense matches\n3. matches of views",
            "#cfe2f3",
        ),
        "refine": (4.8, 0.0, "Lucas–Kanade\nup a pyramid", "#d9ead3"),
        "evidence": (6.4, 0.0, "evidence\nwindows of gray levels,\nmatches in place", "#fff2cc"),
        "confidence": (8.1, 0.0, "confidence\nlogistic regression", "#fff2cc"),
        "correct": (6.4, 1.1, "correction by matches", "#cfe2f3"),
        "ambiguity": (8.1, -1.1, "do other shifts or turns\nexplain as much?", "#fff2cc"),
        "full": (6.0, -1.1, "refined at full\nresolution", "#d9ead3"),
        "result": (4.0, -1.1, "result: homography, confidence,\noverlap, covariance", "#ffffff"),
        "refusal": (
            8.1,
            -2.1,
            f"refusal, one of {len(refusals.ReasonCode)} reasons;\nbest_a_from_b all the same",
            "#f4cccc",
        ),
    }
    arrows = [
        ("images", "borders", ""),
        ("borders", "start", ""),
        ("start", "refine", ""),
        ("refine", "evidence", ""),
        ("evidence", "confidence", ""),
        ("evidence", "correct", ""),
        ("correct", "refine", "if better            "),
        ("confidence", "ambiguity", ""),
        ("ambiguity", "full", f"confidence ≥ {minimum:g}"),
        ("full", "result", ""),
        ("ambiguity", "refusal", "          else"),
    ]
    figure, axes = pyplot.subplots(figsize=(10.5, 4.2))
    axes.set_xlim(-0.8, 9.2)
    axes.set_ylim(-2.5, 2.0)
    axes.axis("off")
    drawn = {name: _box(axes, *box) for name, box in boxes.items()}
    for begin, end, text in arrows:
        _connect(axes, drawn[begin], drawn[end])
        (x0, y0), (x1, y1) = (drawn[name].get_position() for name in (begin, end))
        axes.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.1, text, ha="center", fontsize=6.5)
    # Back over the top, as the straight way is taken.
    (right, _), (left, _) = (drawn[name].get_position() for name in ("confidence", "start"))
    axes.plot([right, right, left], [0.2, 1.6, 1.6], linestyle="--", color="#444444", linewidth=0.9)
    target = {"patchB": drawn["start"].get_bbox_patch(), "linestyle": "--"}
    axes.annotate("", (left, 0.0), (left, 1.6), arrowprops=_ARROW | target, zorder=1)
    again = f"below {enough:g}: the next initialization, up to max_attempts={attempts}"
    axes.text((left + right) / 2, 1.68, again, ha="center", fontsize=6.5)
    return figure


def main(folder):
    figures = {
        # One fine step of three: they are the same layers.
        "cascade": draw_network(
            keras_homography.models.build("cascade", fine_steps=1),
            "cascade",
            "A and B share the encoder; the fine stage runs 3 times",
        ),
        "matcher": draw_network(
            keras_homography.models.build("matcher"), "matcher", "each image alone"
        ),
        "estimator": draw_estimator(),
    }
    for name, figure in figures.items():
        figure.tight_layout()
        image_output.write_figure(pathlib.Path(folder) / f"{name}.png", figure, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
