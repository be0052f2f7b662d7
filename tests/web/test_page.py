"""The page in a real browser, against `HomographyEstimator` with the attempts that it makes."""

import base64
import io
import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair
from PIL import Image

import keras_homography
from keras_homography.geometry import arrays
from keras_homography.web import shared_constants, site_files

WAIT = 60_000  # milliseconds, at most
pytestmark = pytest.mark.browser


class Page:
    """One page of the browser, used as a person would."""

    def __init__(self, browser, address, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.wait()

    def wait(self):
        """Wait for a verdict."""
        self.page.wait_for_selector(
            "#verdict[data-state=ok], #verdict[data-state=refused]", timeout=WAIT
        )

    def wait_for(self, selector):
        """Wait for an element."""
        self.page.wait_for_selector(selector, timeout=WAIT)

    def give(self, slot, *images):
        """Choose images, arrays or bytes, for a slot and those after it."""
        self.page.set_input_files(
            f"#file-{slot}",
            [
                {
                    "name": f"{number}.png",
                    "mimeType": "image/png",
                    "buffer": image if isinstance(image, bytes) else png(image),
                }
                for number, image in enumerate(images)
            ],
        )

    def align(self, a, b):
        """Give both images; return the answer that can be saved as JSON."""
        # The verdict is that of the last pair until these are read.
        self.page.evaluate("document.getElementById('verdict').dataset.state = 'none'")
        self.give("a", a, b)
        self.wait()
        with self.page.expect_download() as download:
            self.page.click("#save-json")
        return json.loads(download.value.path().read_text())


def png(image):
    """Encode an image, gray or RGB."""
    image = image if image.ndim == 2 else image[..., ::-1]
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture(scope="module")
def shown(browser, address):
    opened = Page(browser, address, viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()
    assert not opened.errors
    assert all(url.startswith((address, "blob:", "data:")) for url in opened.requests)


@pytest.fixture(scope="module")
def estimator():
    attempts = shared_constants.untilted_attempts()
    return keras_homography.HomographyEstimator(max_attempts=attempts, num_threads=1)


@pytest.fixture(scope="module")
def scene(images):
    """A larger generated image, uint8 `[480, 640]`."""
    return cv2.resize(images[0, ..., 0], (640, 480), interpolation=cv2.INTER_CUBIC)


def pairs_that_fit(scene):
    """Ten pairs: sizes, motions, light."""
    for number in range(10):
        size = [(240, 180), (320, 240), (161, 200), (128, 128), (400, 300)][number % 5]
        a, b, _ = warped_pair(scene, number, reach=(0.04 + 0.01 * number) * min(size), size=size)
        if number % 3 == 1:
            b = cv2.convertScaleAbs(b, alpha=0.7, beta=30)
        yield a, b


@pytest.mark.long
def test_answers_are_those_of_the_package(shown, estimator, scene):
    answered = 0
    for a, b in pairs_that_fit(scene):
        expected, answer = estimator.estimate(a, b), shown.align(a, b)
        assert answer["ok"] == expected.ok
        assert answer["start"] == expected.start
        assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
        if expected.ok:
            answered += 1
            size = arrays.image_size(b)
            assert corner_error(np.array(answer["a_from_b"]), expected.a_from_b, size) < 0.02
            np.testing.assert_allclose(
                np.array(answer["b_from_a"])
                @ np.array(answer["a_from_b"])
                / (np.array(answer["b_from_a"]) @ np.array(answer["a_from_b"]))[2, 2],
                np.eye(3),
                atol=1e-6,
            )
    assert answered >= 9


def pairs_that_are_refused(images):
    """Five pairs, each refused for its reason."""
    y, x = np.mgrid[:160, :200]
    waves = (127 + 60 * np.sin(x / 5.0) * np.sin(y / 5.0)).astype(np.uint8)
    board = np.where((x // 16 + y // 16) % 2, 60, 190).astype(np.uint8)
    flat = np.full([160, 200], 90, np.uint8)
    small = images[0, 40:200, 60:260, 0]
    return {
        "repeats": (waves, waves),
        "flat": (small, flat),
        "flat first": (flat, small),
        "chessboard": (board, board),
        "a ramp": (np.tile(np.linspace(60, 190, 200).astype(np.uint8), (160, 1)), small),
    }


def test_noise_is_refused_for_whatever_reason(shown, estimator):
    # Which of the wrong homographies is the best one decides the reason, and each finds its own.
    a, b = np.random.default_rng(0).integers(0, 256, (2, 96, 128), dtype=np.uint8)
    assert not estimator.estimate(a, b).ok
    assert not shown.align(a, b)["ok"]


def test_refusals_have_the_reason_of_the_package(shown, estimator, images):
    for name, (a, b) in pairs_that_are_refused(images).items():
        expected, answer = estimator.estimate(a, b), shown.align(a, b)
        assert not expected.ok, name
        assert not answer["ok"], name
        assert answer["reason_code"] == expected.reason_code, name
        assert answer["reason"] == expected.reason
        assert answer["b_from_a"] is None
        assert answer["a_from_b"] is None
        assert expected.reason in shown.page.inner_text("#status")
        assert "refused" in shown.page.get_attribute("#stage", "class")


def test_strangers_are_refused(shown, images):
    answer = shown.align(images[0, :96, :128, 0], images[1, :96, :128, 0])
    assert not answer["ok"]  # the reason depends on which wrong homography is the best


def test_what_is_shown_and_saved_is_the_warped_image(shown, scene):
    a, b, _ = warped_pair(scene, 21, reach=20.0, size=(400, 300))
    answer = shown.align(a, b)
    matrix = np.array(answer["b_from_a"])
    warped, covered = arrays.warp_image(a, matrix, (400, 300))
    with shown.page.expect_download() as download:
        shown.page.click("#save-png")
    saved = cv2.imread(str(download.value.path()), cv2.IMREAD_UNCHANGED)
    inside = saved[..., 3] == 255
    assert np.mean(inside == covered) > 0.98
    assert np.abs(saved[..., 0].astype(int) - warped)[inside].max() <= 1

    # Opaque A over B, as the browser draws it; A covers it all but for a border.
    shown.page.keyboard.press("1")
    shown.page.evaluate(
        "amount.value = 100; amount.dispatchEvent(new Event('input'));"
        "stage.style = '--aspect: 1.3333; aspect-ratio: 400 / 300; position: fixed;'"
        "+ 'inset: 0 auto auto 0; width: 400px; border-radius: 0; z-index: 9'"
    )
    shown.page.wait_for_timeout(100)
    drawn = cv2.imdecode(
        np.frombuffer(shown.page.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE
    )
    inner = cv2.erode(covered.astype(np.uint8), np.ones([5, 5])) > 0
    assert drawn.shape == warped.shape
    assert np.abs(drawn.astype(int) - warped)[inner].mean() < 2.0
    shown.page.evaluate("stage.style = '--aspect: 1.3333; aspect-ratio: 400 / 300'")


def test_all_ways_to_show_a_over_b(shown):
    for key, mode in zip("1234", ["opacity", "swipe", "blink", "difference"], strict=True):
        shown.page.keyboard.press(key)
        assert shown.page.get_attribute("#stage", "data-mode") == mode
    shown.page.keyboard.press("2")
    box = shown.page.locator("#stage").bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    assert float(shown.page.input_value("#amount")) == pytest.approx(25, abs=1)
    clip = shown.page.evaluate("document.getElementById('clip').style.clipPath")
    assert "75" in clip or "74.9" in clip
    shown.page.keyboard.press("1")


def empty_png(width, height):
    """A PNG that claims a size, and holds no pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no image", "is not an image that this browser can read"),
        (empty_png(10_000, 10_000), "100 megapixels"),
        (png(np.zeros([1, 1], np.uint8)), "too small: 1x1"),
    ],
    ids=["text", "huge", "tiny"],
)
def test_a_bad_file_is_answered_by_a_sentence_and_changes_nothing(shown, content, sentence):
    before = shown.page.inner_text("#size-b"), shown.page.inner_text("#b-from-a")
    shown.give("b", content)
    shown.wait_for(f"#alert:has-text('{sentence}')")
    assert (shown.page.inner_text("#size-b"), shown.page.inner_text("#b-from-a")) == before


def test_a_photo_is_turned_as_its_exif_data_say(shown, scene):
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    file = io.BytesIO()
    Image.fromarray(scene[:200, :300]).save(file, "JPEG", exif=turned)
    shown.give("b", file.getvalue())
    shown.wait_for("#size-b:has-text('200 × 300')")


def test_transparent_parts_show_the_colors_of_the_file(shown, estimator, scene):
    a, b, _ = warped_pair(scene, 9, reach=15.0, size=(400, 300))
    turn = cv2.getRotationMatrix2D((200, 150), 10, 0.8)
    b = cv2.warpAffine(np.dstack([b, b, b, np.full_like(b, 255)]), turn, (400, 300))
    assert (b[..., 3] == 0).mean() > 0.2
    b[100:180, :, 3] = np.minimum(b[100:180, :, 3], 120)
    expected, answer = (
        estimator.estimate(a, b),
        shown.align(a, cv2.imencode(".png", b)[1].tobytes()),
    )
    assert expected.ok
    assert answer["ok"]
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=0.01)
    assert corner_error(np.array(answer["a_from_b"]), expected.a_from_b, (400, 300)) < 0.05


def test_images_are_pasted_and_dropped_and_the_answer_is_copied(shown, scene):
    shown.context.grant_permissions(["clipboard-read", "clipboard-write"])
    a, b, _ = warped_pair(scene, 8, reach=9.0, size=(170, 130))
    files = [base64.b64encode(png(image)).decode() for image in (a, b)]
    give = """([way, texts]) => {
        const data = new DataTransfer();
        for (const text of texts) {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            data.items.add(new File([bytes], "image.png", {type: "image/png"}));
        }
        const event = way === "paste"
            ? new ClipboardEvent(way, {clipboardData: data, bubbles: true})
            : new DragEvent(way, {dataTransfer: data, bubbles: true, cancelable: true});
        document.getElementById("tile-b").dispatchEvent(event);
    }"""
    shown.page.evaluate(give, ["paste", files])
    shown.wait_for("body:has(#size-a:has-text('170 × 130')) #size-b:has-text('170 × 130')")
    shown.page.evaluate(give, ["drop", [base64.b64encode(png(b[:100])).decode()]])
    shown.wait_for("#size-b:has-text('170 × 100')")
    shown.wait()
    shown.page.click("#copy")
    shown.wait_for("#status:has-text('Copied')")
    copied = json.loads(shown.page.evaluate("navigator.clipboard.readText()"))
    assert copied["sizes"] == {"a": [170, 130], "b": [170, 100]}


def test_a_browser_without_simd_is_told_so(browser, address):
    context = browser.new_context()
    context.add_init_script("WebAssembly.validate = () => false")
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#alert:has-text('WebAssembly SIMD')", timeout=WAIT)
    context.close()


def test_the_same_image_twice_is_named(shown, scene):
    answer = shown.align(scene, scene)
    assert answer["ok"]
    np.testing.assert_allclose(answer["b_from_a"], np.eye(3), atol=1e-4)
    assert "the same picture" in shown.page.inner_text("#status")


def test_images_can_change_places(shown, scene):
    a, b, _ = warped_pair(scene, 5, reach=12.0, size=(240, 180))
    forth = shown.align(a, b[:, :200])
    shown.page.evaluate("document.getElementById('verdict').dataset.state = 'none'")
    shown.page.keyboard.press("s")
    shown.wait()
    with shown.page.expect_download() as download:
        shown.page.click("#save-json")
    back = json.loads(download.value.path().read_text())
    assert back["sizes"] == {"a": [200, 180], "b": [240, 180]}
    assert shown.page.inner_text("#size-a") == "200 × 180"
    assert corner_error(np.array(back["b_from_a"]), np.array(forth["a_from_b"]), (200, 180)) < 0.1


def test_the_single_file_runs_from_disk_on_a_phone(browser, tmp_path):
    path = tmp_path / "page.html"
    site_files.write_single_file(path)
    opened = Page(browser, path.as_uri(), viewport={"width": 390, "height": 844}, has_touch=True)
    assert opened.page.get_attribute("#verdict", "data-state") == "ok"
    assert not opened.errors
    assert all(url.startswith(("file:", "blob:", "data:")) for url in opened.requests)
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390  # nothing sticks out
    opened.context.close()


def test_a_frozen_picture_is_laid_over_what_the_camera_sees(browser, address):
    opened = Page(browser, address, permissions=["camera"])
    page = opened.page
    page.click("#camera")
    page.wait_for_selector("#freeze", timeout=WAIT)
    page.click("#freeze")
    opened.wait_for("body:has(#stage.aligned) #start:has-text('previous')")
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    assert not opened.errors
    opened.context.close()


def test_a_camera_that_is_refused_is_named(shown):
    before = shown.page.inner_text("#b-from-a")
    shown.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    shown.page.click("#camera")
    shown.wait_for("#alert:has-text('not allowed')")
    assert shown.page.inner_text("#b-from-a") == before
