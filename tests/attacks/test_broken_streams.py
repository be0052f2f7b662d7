"""Videos and globs with damaged frames, lists instead of videos, closed streams, signals."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.data import frame_pairs
from keras_homography.registration import file_alignment
from keras_homography.registration.file_alignment import FileAlignmentConfig
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def scene(images):
    """Six frames of one scene, uint8 `[160, 240]`; the first is A."""
    return [warped_pair(images[0, ..., 0], seed, reach=3.0)[bool(seed)] for seed in range(6)]


@pytest.fixture(scope="module")
def folder(scene, tmp_path_factory):
    """A folder with `a.png`, `video.avi`, and damaged copies of the video."""
    folder = tmp_path_factory.mktemp("streams")
    cv2.imwrite(str(folder / "a.png"), scene[0])
    writer = cv2.VideoWriter(
        str(folder / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 160)
    )
    for frame in scene:
        writer.write(np.dstack([frame] * 3))
    writer.release()
    data = (folder / "video.avi").read_bytes()
    for numbers in ((2,), (0,), (1, 2, 4), (5,), range(6)):
        name = "".join(map(str, numbers))
        (folder / f"bad {name}.avi").write_bytes(without_frames(data, numbers))
    (folder / "half.avi").write_bytes(data[: len(data) // 2])
    return folder


def without_frames(data, numbers):
    """An AVI file with zeros where frames of these numbers were."""
    damaged, position = bytearray(data), data.index(b"movi")
    for number in range(max(numbers) + 1):
        position = data.index(b"00dc", position + 4)
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if number in numbers:
            damaged[position + 8 : position + 8 + size] = bytes(size)
    return bytes(damaged)


def align(capfd, image_a, image_b, output_dir):
    """The number of frames aligned, the JSON objects, and the messages."""
    aligned = file_alignment.run(
        FileAlignmentConfig(str(image_a), str(image_b), output_dir=str(output_dir))
    )
    output, errors = capfd.readouterr()
    return aligned, [json.loads(line) for line in output.splitlines()], errors


@pytest.mark.parametrize("numbers", [(2,), (0,), (1, 2, 4)])
def test_frames_after_a_damaged_one_are_registered(folder, tmp_path, capfd, numbers):
    name = "".join(map(str, numbers))
    aligned, answers, errors = align(capfd, folder / "a.png", folder / f"bad {name}.avi", tmp_path)
    whole = [number for number in range(6) if number not in numbers]
    assert aligned == len(whole)
    assert [answer["frame"] for answer in answers] == list(range(6))
    assert [answer["frame"] for answer in answers if answer["ok"]] == whole
    for number in numbers:
        assert "damaged" in answers[number]["reason"]
        assert answers[number]["reason_code"] == "unreadable"
    assert f"{len(whole)} of 6 frames registered" in errors
    assert f"{len(numbers)} could not be read: {', '.join(map(str, numbers))}." in errors
    frames, _ = image_input.read_video(tmp_path / "stabilized.mp4")
    assert sum(image is not None for _, image in frames) == len(whole)


@pytest.mark.parametrize("name", ["bad 5", "half"])
def test_a_video_that_ends_early_says_so(folder, tmp_path, capfd, name):
    aligned, answers, errors = align(capfd, folder / "a.png", folder / f"{name}.avi", tmp_path)
    assert 0 < aligned == len(answers) < 6
    assert "announces 6 frames; none can be read after these" in errors


def test_a_video_without_a_whole_frame_is_refused(folder):
    with pytest.raises(UserError, match="not a video that OpenCV can read"):
        image_input.read_video(folder / "bad 012345.avi")


def test_a_damaged_frame_divides_what_is_learned_from(folder):
    source = frame_pairs.FramePairs(folder / "bad 2.avi", 48, 64)
    assert source.count == 1 + 2
    assert list(source.skipped) == [f"{folder / 'bad 2.avi'}, frame 2"]


def test_a_bad_file_of_a_glob_costs_no_other(scene, folder, tmp_path, capfd):
    for number, frame in enumerate(scene):
        data = cv2.imencode(".png", frame)[1].tobytes()
        (tmp_path / f"{number}.png").write_bytes(data[: 500 if number in (0, 3) else None])
    aligned, answers, errors = align(capfd, folder / "a.png", tmp_path / "*.png", tmp_path / "out")
    assert aligned == 4
    assert [answer["ok"] for answer in answers] == [False, True, True, False, True, True]
    assert answers[3]["frame"] == str(tmp_path / "3.png")
    assert "truncated" in answers[3]["reason"]
    assert "4 of 6 frames registered" in errors
    assert "2 could not be read" in errors
    assert repr(str(tmp_path / "3.png")) in errors


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile video.avi\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nvideo.avi\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n",
        '<?xml version="1.0"?><MPD><BaseURL>video.avi</BaseURL></MPD>',
        "http://127.0.0.1/video.mp4",
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "avi", "m3u8"])
def test_a_list_of_files_is_not_a_video(folder, text, suffix):
    path = folder / f"list.{suffix}"
    path.write_text(text)
    with pytest.raises(UserError, match="is not a video"):
        image_input.read_video(path)
    with pytest.raises(UserError, match="is not a video"):
        frame_pairs.FramePairs(path, 48, 64)


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_are_no_fault(folder, tmp_path, closed):
    """Nor does a file that is written take the place of standard error."""
    command = f'exec "$0" -m keras_homography.predict a.png video.avi --output_dir="$1" {closed}'
    process = subprocess.run(
        ["sh", "-c", command, sys.executable, tmp_path], cwd=folder, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == "" or "Traceback" not in process.stderr
    lines = [] if ">&- " in f"{closed} " and closed != "2>&-" else process.stdout.splitlines()
    assert [json.loads(line)["ok"] for line in lines] == [True] * len(lines)
    frames, _ = image_input.read_video(tmp_path / "stabilized.mp4")
    assert len(list(frames)) == 6


@pytest.mark.parametrize(("redirection", "code"), [("| true", None), (">/dev/full", 2)])
def test_output_that_nobody_takes_ends_in_one_line_at_most(folder, tmp_path, redirection, code):
    command = f'"$0" -m keras_homography.predict a.png a.png --nopictures {redirection}; exit $?'
    process = subprocess.run(
        ["sh", "-c", command, sys.executable, tmp_path], cwd=folder, capture_output=True, text=True
    )
    assert code is None or process.returncode == code
    lines = [line for line in process.stderr.splitlines() if not line.startswith("INFO: ")]
    assert lines == ["Error: [Errno 28] No space left on device"] * (code == 2)


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.5, 3.0])
@pytest.mark.parametrize("program", ["predict", "evaluate"])
def test_an_interrupted_import_gives_no_traceback(folder, tmp_path, program, seconds):
    arguments = (
        ["a.png", "video.avi"]
        if program == "predict"
        else ["--pairs=100000", "--dataset=synthetic"]
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-X", "importtime", "-m", f"keras_homography.{program}"),
            *(*arguments, f"--output_dir={tmp_path}/out"),
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    begun = process.stderr.readline()
    while "keras_homography.utils.standard_streams" not in begun:
        begun = process.stderr.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    assert process.returncode in (130, -signal.SIGINT, 0)


INTERRUPTED_IN_A_FINALIZER = """
import time
from keras_homography.utils import standard_streams

class Finalized:
    def __del__(self):
        raise KeyboardInterrupt

standard_streams.interrupt_quietly()
finalized = Finalized()
del finalized
time.sleep(60)
"""


def test_an_interrupt_in_a_finalizer_is_not_lost():
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_A_FINALIZER],
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert ended.returncode in (130, -signal.SIGINT)
    assert ended.stderr.endswith("Interrupted.\n")
    assert "Traceback" not in ended.stderr


STOPPED = """
import sys, tempfile, time
sys.orig_argv += ["-m", "keras_homography.stopped"]  # which imports no TensorFlow by itself
from keras_homography.utils import command_line, files

def main():
    with tempfile.TemporaryDirectory(dir=".") as folder, files.atomic_write("a.mp4") as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        time.sleep(60)

command_line.run(main, tensorflow=False)
"""


def test_sigterm_leaves_no_temporary_files(tmp_path):
    (tmp_path / "a.mp4").write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    assert len(os.listdir(tmp_path)) == 3
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "old"


def test_names_cannot_break_a_message_into_lines(folder, tmp_path):
    name = "no\n\x1b31mfile.png"
    process = subprocess.run(
        [sys.executable, "-m", "keras_homography.predict", folder / "a.png", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    line = process.stderr.splitlines()[-1]
    assert line == r"Error: no\n\x1b31mfile.png does not exist; give an image file."
    assert os.listdir(tmp_path) == []
