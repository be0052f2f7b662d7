"""What the tests of the page share: Node with the ported functions, a browser, a server.

Without Node's packages (`npm ci` in keras_homography/web) or a browser the tests are skipped and
say so, unless REQUIRE_TOOLS is set, as in `.ci/run`.
"""

import json
import pathlib
import shutil
import subprocess
import threading

import pytest
from helpers import tools
from helpers.node_client import NodeClient

from keras_homography.web import server, shared_constants

ROOT = pathlib.Path(__file__).parents[2]
WEB = ROOT / "keras_homography" / "web"
_BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")


@pytest.fixture(scope="session")
def built_again(tmp_path_factory):
    """The page and the driver of these tests, bundled from their sources into a new folder."""
    if not shutil.which("node") or not (WEB / "node_modules").is_dir():
        tools.missing("Node and its packages are not installed: npm ci, in keras_homography/web")
    folder = tmp_path_factory.mktemp("built")
    subprocess.run(
        ["node", "build.mjs", str(folder), str(ROOT / "tests" / "web" / "driver.mjs")],
        cwd=WEB,
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def node(built_again):
    """The ported functions; networks and constants are loaded."""
    client = NodeClient(built_again / "driver.cjs")
    models = [str(ROOT / "saved_models" / f"{name}.tflite") for name in ("homography", "matcher")]
    wasm = WEB / "node_modules/@litertjs/core/wasm/litert_wasm_compat_internal.wasm"
    client("start", json.loads(json.dumps(shared_constants.collect())), str(wasm), *models)
    yield client
    client.close()


@pytest.fixture(scope="session")
def address():
    """Where the page is served."""
    with server.make_server(None) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://{server.HOST}:{running.server_address[1]}/"
        running.shutdown()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser without a window, whose camera shows a film of `camera_film`."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        tools.missing(f"There is no browser: {', '.join(_BROWSERS)}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        tools.missing("Playwright is not installed: pip install playwright")
    film = tmp_path_factory.mktemp("film") / "film.y4m"
    write_film(film)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path,
            chromium_sandbox=False,
            args=[
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        yield running
        running.close()


def write_film(path):
    """Write a film of a camera that moves over a picture, 640x480, YUV4MPEG."""
    import cv2
    import numpy as np

    scene = cv2.imread(str(WEB / "examples" / "map_a.jpg"), cv2.IMREAD_GRAYSCALE)
    scene = cv2.resize(scene, (800, 600))
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n")
        for number in range(20):
            x, y = 60 + 3 * abs(10 - number), 50 + 2 * abs(10 - number)
            frame = np.ascontiguousarray(scene[y : y + 480, x : x + 640])
            file.write(b"FRAME\n" + frame.tobytes() + b"\x80" * (640 * 480 // 2))
