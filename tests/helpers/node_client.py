"""The page's ported functions in Node, called from Python: see `tests/web/driver.mjs`."""

import base64
import json
import subprocess

import numpy as np


def encode(value):
    """Make an argument ready for JSON: images as base64, arrays as lists."""
    if isinstance(value, np.ndarray):
        if value.dtype == np.uint8 and value.ndim == 2:
            text = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"image": text, "width": value.shape[1], "height": value.shape[0]}
        return value.ravel().tolist() if value.shape == (3, 3) else value.tolist()
    if isinstance(value, dict):
        return {key: encode(element) for key, element in value.items()}
    return value


def decode(value):
    """Turn images of an answer into arrays."""
    if isinstance(value, dict):
        if "image" in value:
            data = np.frombuffer(base64.b64decode(value["image"]), np.uint8)
            return data.reshape(value["height"], value["width"])
        return {key: decode(element) for key, element in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [decode(element) for element in value]
    return value


class NodeClient:
    """A process of Node that runs the bundled driver."""

    def __init__(self, script):
        self._process = subprocess.Popen(
            ["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, function, *arguments):
        """Call a function of the driver."""
        call = {"function": function, "arguments": [encode(value) for value in arguments]}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Node ended in {function}")
        return decode(json.loads(line))

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait(10)
