"""The long attacks, resumable: a hundred thousand fuzzed inputs, programs killed at random.

python tests/studies/campaign.py runs/campaign --minutes=60

Every block of cases runs in a process of its own, so that a signal is a finding too, and leaves a
line in `campaign.jsonl`; the same command goes on where it was. `--table` prints what was found.
"""

import argparse
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

# What is attacked: cases in all, and cases a block.
FUZZED = {
    "estimator, network that knows nothing": (60_000, 2_000),
    "estimator, shipped models": (5_000, 100),
    "image files": (20_000, 2_000),
    "videos": (10_000, 500),
    "pair folders": (10_000, 1_000),
}
PROGRAMS = ("train", "evaluate", "export", "predict", "stitch")
KILLED = {f"kill {program}": (20, 4) for program in PROGRAMS}
SECONDS = 1800  # that a block may take before it counts as hanging


def blocks():
    """All blocks `(kind, first, count)`, one of each kind in turn."""
    kinds = FUZZED | KILLED
    rounds = max(total // count for total, count in kinds.values())
    for number in range(rounds):
        for kind, (total, count) in kinds.items():
            if number * count < total:
                yield kind, number * count, count


def run_block(kind, first, count):
    """Run a block in this process: outcomes and how many cases had each."""
    numbers = range(first, first + count)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if kind in KILLED:
            return kill(kind.removeprefix("kill "), numbers, folder)
        return collections.Counter(map(fuzzed_case(kind, folder), numbers))


def fuzzed_case(kind, folder):
    """Function from a number to the outcome of its case, which raises where one is wrong."""
    from helpers import fuzzed_files, fuzzing

    import keras_homography

    image = scene()
    if kind == "estimator, shipped models":
        estimator = keras_homography.HomographyEstimator()
        return lambda number: fuzzing.check(estimator, 1_000_000 + number)
    if kind.startswith("estimator"):
        estimator = fuzzing.untrained_estimator()
        return lambda number: fuzzing.check(estimator, number)
    if kind == "pair folders":

        def check_pairs(number):
            outcome = fuzzed_files.check_pairs(number, image, folder / str(number))
            shutil.rmtree(folder / str(number))
            return outcome

        return check_pairs
    if kind == "videos":
        files = fuzzed_files.video_files(image, folder)
        return lambda number: fuzzed_files.check_video(number, files, folder)
    files = fuzzed_files.image_files(image)
    return lambda number: fuzzed_files.check_image(number, files, folder)


def scene():
    """A gray image with texture, uint8 `[240, 320]`."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)


def kill(program, numbers, folder):
    """Kill a program at random moments; started again, it must end as if it never was."""
    arguments = program_arguments(program, folder)
    command = [sys.executable, "-m", f"keras_homography.{program}", *arguments]
    begin = time.monotonic()
    subprocess.run([*command, f"--output_dir={folder}/whole"], check=True, capture_output=True)
    duration = time.monotonic() - begin
    expected = contents(folder / "whole")
    outcomes = collections.Counter()
    for number in numbers:
        again = [*command, f"--output_dir={folder}/{number}"]
        process = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(random.Random(number).uniform(0.05, 1.0) * duration)
            outcomes["ended before"] += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            outcomes["killed"] += 1
        check_whole(folder / str(number))
        done = subprocess.run(again, capture_output=True, text=True)
        assert done.returncode == 0, f"{number}: {done.stderr[-1000:]}"
        found = contents(folder / str(number))
        assert found == expected, f"{number}: {sorted(found ^ expected)}"
    return outcomes


def program_arguments(program, folder):
    """Arguments of a run of seconds, and the files that it reads."""
    import cv2
    import numpy as np

    image = scene()
    for number in range(4):
        part = image[6 * number : 6 * number + 200, 20 * number : 20 * number + 240]
        cv2.imwrite(str(folder / f"photo{number}.png"), part)
    writer = cv2.VideoWriter(
        str(folder / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 200)
    )
    for number in range(20):
        writer.write(np.dstack([image[number : number + 200, number : number + 240]] * 3))
    writer.release()
    photos = [str(folder / f"photo{number}.png") for number in range(4)]
    return {
        "train": [
            *("--dataset=synthetic", "--width=0.05", "--patch_size=16", "--rho=4"),
            *("--image_size=48,40", "--batch_size=8", "--steps=60", "--steps_per_round=20"),
            "--validation_pairs=16",
        ],
        "evaluate": ["--dataset=synthetic", "--pairs=16", "--model=sift_ransac,identity"],
        "export": ["--model=homography", "--formats=keras,tflite"],
        "predict": [photos[0], str(folder / "video.avi")],
        "stitch": photos,
    }[program]


def contents(folder):
    """Names of the files below a folder that do not carry a moment in their name."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(("logs/", "checkpoints/"))}


def check_whole(folder):
    """Check that what a killed program left under its final name is whole."""
    import cv2

    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    for suffix in ("png", "jpg"):
        for path in folder.rglob(f"*.{suffix}"):
            assert cv2.imread(str(path)) is not None, path


def campaign(folder, minutes):
    """Run blocks until the time is over; each appends its line."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "campaign.jsonl"
    done = {(line["kind"], line["first"]) for line in lines(log)}
    end = time.monotonic() + 60 * minutes
    for kind, first, count in blocks():
        if (kind, first) in done:
            continue
        if time.monotonic() > end:
            break
        begin = time.monotonic()
        command = [sys.executable, __file__, str(folder), "--block", kind, str(first), str(count)]
        entry = {"kind": kind, "first": first, "count": count, "date": time.strftime("%Y-%m-%d")}
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            if result.returncode == 0:
                entry["outcomes"] = json.loads(result.stdout.splitlines()[-1])
            else:
                entry["fault"] = f"exit {result.returncode}: {result.stderr[-2000:]}"
        except subprocess.TimeoutExpired:
            entry["fault"] = f"no end after {SECONDS} s"
        entry["seconds"] = round(time.monotonic() - begin)
        with log.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)


def lines(log):
    """The entries of a log; none if there is none yet."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def table(folder):
    """Print cases and outcomes of each kind as Markdown."""
    print("| attack | cases | of | outcomes | faults |\n|---|---:|---:|---|---:|")
    entries = lines(folder / "campaign.jsonl")
    for kind, (total, _) in (FUZZED | KILLED).items():
        of_kind = [entry for entry in entries if entry["kind"] == kind]
        outcomes = collections.Counter()
        for entry in of_kind:
            outcomes.update(entry.get("outcomes", {}))
        text = ", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items()))
        cases, faults = sum(outcomes.values()), sum("fault" in entry for entry in of_kind)
        print(f"| {kind} | {cases:,} | {total:,} | {text} | {faults} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--block", nargs=3, metavar=("KIND", "FIRST", "COUNT"))
    arguments = parser.parse_args()
    if arguments.block:
        kind, first, count = arguments.block
        print(json.dumps(run_block(kind, int(first), int(count))))
    elif arguments.table:
        table(arguments.folder)
    else:
        campaign(arguments.folder, arguments.minutes)


if __name__ == "__main__":
    main()
