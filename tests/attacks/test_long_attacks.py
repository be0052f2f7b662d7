"""Attacks that take long: `python -m pytest -m attack -n0 --log-cli-level=INFO`.

Each says what it did in the log; the README keeps the figures.
"""

import collections
import json
import logging
import pathlib
import random
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from helpers import fuzzing
from helpers.warped_pairs import corner_error, warped_pair

import keras_homography
from keras_homography.saving import formats, loading, networks, untrusted_models

pytestmark = pytest.mark.attack
log = logging.getLogger(__name__)

TINY = [
    *("--width=0.05", "--dropout=0", "--patch_size=16", "--rho=4", "--image_size=48,40"),
    *("--batch_size=8", "--steps_per_round=50", "--validation_pairs=64"),
]


def train(*flags):
    return [sys.executable, "-m", "keras_homography.train", *flags]


def check_whole(folder):
    """Whatever a killed run left is whole: no file that is there is half a file."""
    for name in ("metrics.json", "history.json", "manifest.json"):
        if (folder / name).exists():
            json.loads((folder / name).read_text())
    if (folder / "model.keras").exists():
        loading.load_model(folder / "model.keras")
    for name in ("tflite", "saved_model"):
        path = folder / formats.FORMATS[name].file_name
        if path.exists():
            formats.FORMATS[name].read(path)
    if (folder / "validation.png").exists():
        assert cv2.imread(str(folder / "validation.png")) is not None


@pytest.mark.parametrize("deterministic", [True, False])
def test_twenty_kills_lose_nothing(image_folder, tmp_path, deterministic):
    """Killed while importing, training, saving or exporting, it ends as a run never killed."""
    flags = [*TINY, "--steps=1500"]
    flags += [f"--dataset={image_folder}", f"--deterministic={deterministic}"]
    begin = time.monotonic()
    subprocess.run(train(*flags, f"--output_dir={tmp_path}/whole"), check=True)
    duration = time.monotonic() - begin
    rng, folders, steps = random.Random(16), [tmp_path / "killed 0"], []
    while len(steps) < 20:
        moment = rng.uniform(0.2, 1.0) * duration
        folder = folders[-1]
        process = subprocess.Popen(train(*flags, f"--output_dir={folder}"))
        try:
            assert process.wait(moment) == 0
            folders.append(tmp_path / f"killed {len(folders)}")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            newest = folder / "checkpoints" / "last" / "checkpoint"
            steps.append(
                int(newest.read_text().split('"')[1].split("-")[-1]) if newest.exists() else 0
            )
        if folder.exists():
            check_whole(folder)
    subprocess.run(train(*flags, f"--output_dir={folders[-1]}"), check=True)
    log.info("killed at steps %s in %d runs of %.0f s", steps, len(folders), duration)
    whole = tmp_path / "whole"
    for folder in folders:
        compare(whole, folder, deterministic)
        untrusted_models.check_saved_model(folder / "saved_model")
        networks.open_network(folder / "model.tflite")
        assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}


def compare(whole, folder, deterministic):
    """Two runs end alike: bit for bit, or in what people read."""
    expected, found = (json.loads((path / "metrics.json").read_text()) for path in (whole, folder))
    weights = [
        np.concatenate([w.ravel() for w in loading.load_model(path / "model.keras").get_weights()])
        for path in (whole, folder)
    ]
    difference = np.abs(weights[0] - weights[1]).max()
    maces = expected["validation"]["mace"], found["validation"]["mace"]
    log.info("largest difference of a weight %g; MACE %.6f and %.6f px", difference, *maces)
    for history in (expected["history"], found["history"]):
        assert [entry["step"] for entry in history] == list(range(50, 1501, 50))
    if deterministic:
        assert difference == 0
        assert found["validation"] == expected["validation"]
    else:
        assert maces[1] == pytest.approx(maces[0], rel=0.01)


@pytest.mark.parametrize("kilobytes", [60, 120, 300, 520, 700])
def test_a_full_disk(image_folder, tmp_path, kilobytes):
    """While checkpoints are written, or exports: one line, and all goes on once there is room."""
    flags = [*TINY, "--steps=300", f"--dataset={image_folder}", f"--output_dir={tmp_path}/disk/run"]
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    subprocess.run([*mount, f"size={kilobytes}k", "tmpfs", disk], check=True)
    try:
        result = subprocess.run(train(*flags), capture_output=True, text=True)
        assert result.returncode == 2
        assert "No space left on device" in result.stderr
        assert "Traceback" not in result.stderr
        check_whole(disk / "run")
        log.info("full at %d kB after %s", kilobytes, sorted(p.name for p in disk.glob("run/*")))
        subprocess.run([*mount, "remount,size=20m", "tmpfs", disk], check=True)
        subprocess.run(train(*flags), check=True)
        check_whole(disk / "run")
        history = json.loads((disk / "run" / "metrics.json").read_text())["history"]
        assert [entry["step"] for entry in history] == list(range(50, 301, 50))
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_read_only_disk(image_folder, tmp_path):
    """Where a run would begin, and where it would go on: one line, and what is there stays."""
    disk = tmp_path / "disk"
    disk.mkdir()
    flags = [*TINY, f"--dataset={image_folder}", f"--output_dir={disk}/run"]

    def refused(*more):
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        before = {path: path.stat().st_mtime_ns for path in disk.rglob("*")}
        result = subprocess.run(train(*flags, *more), capture_output=True, text=True)
        assert result.returncode == 2
        assert "Cannot write to" in result.stderr
        assert "Traceback" not in result.stderr
        assert before == {path: path.stat().st_mtime_ns for path in disk.rglob("*")}
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)

    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    try:
        refused("--steps=100")
        subprocess.run(train(*flags, "--steps=100"), check=True)
        refused("--steps=200")
        subprocess.run(train(*flags, "--steps=200"), check=True)
        check_whole(disk / "run")
        history = json.loads((disk / "run" / "metrics.json").read_text())["history"]
        assert [entry["step"] for entry in history] == [50, 100, 150, 200]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("first", range(0, 100_000, 10_000))
def test_a_hundred_thousand_inputs(small_estimator, first):
    """What comes before and after the network, under attack: the network costs nothing."""
    attack(small_estimator, range(first, first + 10_000))


@pytest.mark.parametrize("first", range(100_000, 110_000, 5_000))
def test_ten_thousand_inputs_to_the_shipped_model(first):
    attack(keras_homography.HomographyEstimator(), range(first, first + 5_000))


def attack(estimator, numbers):
    begin = time.monotonic()
    outcomes = collections.Counter(fuzzing.check(estimator, number) for number in numbers)
    log.info("%s: %s, %.0f s", numbers, dict(outcomes), time.monotonic() - begin)
    assert min(outcomes[name] for name in ("answered", "refused", "no image")) > len(numbers) / 50


PAIRS = """
import hashlib, os, sys
os.sched_setaffinity(0, range(int(sys.argv[1])))
from keras_homography.data import batching, distortions, sources
from keras_homography.data.pair_spec import PairSpec
source = sources.open_source(sys.argv[2], "all", height=120, width=160, min_side=64)
for start in (0, 7):
    digest = hashlib.sha256()
    batches = batching.pair_batches(
        source, PairSpec(64, 16, 160, 120), seed=3, batch_size=8, pairs_per_image=2,
        start_step=start, distort=distortions.get_distortion("mixed"))
    for patches, h4pt in batches.skip(7 - start).take(8):
        digest.update(patches.numpy().tobytes() + h4pt.numpy().tobytes())
    print(digest.hexdigest())
"""


def test_pairs_are_the_same_bit_for_bit_on_one_core_and_on_two(image_folder):
    """And from the beginning, and from where a run goes on."""
    digests = []
    for cores in (1, 2):
        program = [sys.executable, "-c", PAIRS, str(cores), str(image_folder)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=300)
        digests += done.stdout.split()[-2:]
    log.info("digests of the pairs: %s", digests)
    assert len(set(digests)) == 1


def resident():
    """Resident memory of this process, in megabytes."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def test_thirty_minutes_of_estimation_in_constant_memory(images):
    """Pairs of all sizes, also such as are refused."""
    estimator = keras_homography.HomographyEstimator()
    rng = np.random.default_rng(0)
    begin, samples, count = time.monotonic(), [], 0
    while (passed := time.monotonic() - begin) < 30 * 60:
        photo = np.ascontiguousarray(images[rng.integers(4)][..., 0])
        a, b, a_from_b = warped_pair(photo, int(rng.integers(2**31)), reach=12.0)
        if count % 5 == 4:
            b = np.ascontiguousarray(images[rng.integers(4)][: rng.integers(40, 200), ..., 0])
        result = estimator.estimate(a, b)
        if count % 5 != 4 and result:
            assert corner_error(result.a_from_b, a_from_b, (240, 160)) < 3
        count += 1
        if passed > 60 and passed // 10 > len(samples):
            samples.append((passed / 60, resident()))
    minutes, megabytes = np.array(samples).T
    slope = np.polyfit(minutes, megabytes, 1)[0]
    log.info(
        "%d estimates; %.1f MB after a minute, %.1f at the end, at most %.1f; %.4f MB a minute",
        *(count, megabytes[0], megabytes[-1], megabytes.max(), slope),
    )
    assert abs(slope) < 0.1
    assert megabytes.max() < 1.1 * megabytes[0]
