"""Videos of registered frames: complete or absent."""

import cv2
import numpy as np

from keras_homography.visualization import stabilized_video


def test_a_video_appears_when_it_is_complete(color, tmp_path):
    path = tmp_path / "new" / "video.mp4"
    shift = np.array([[1, 0, 5], [0, 1, 0], [0, 0, 1]], np.float64)
    with stabilized_video.open_writer(path, color, 160) as append:
        append(color, np.eye(3))
        append(color, shift)
        assert not path.exists()
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1].astype(int) for _ in range(2)]
    assert frames[0].shape == (120, 160, 3)
    # 5 pixels of the image are 2.5 of the video: between a shift by 2 and one by 3.
    shifted = (frames[0][:, :-3] + frames[0][:, 1:-2]) / 2
    assert np.abs(frames[1][:, 3:] - shifted).mean() < np.abs(frames[1] - frames[0]).mean() / 2


def test_no_file_without_frames_or_without_a_path(color, tmp_path):
    with stabilized_video.open_writer(tmp_path / "none.mp4", color, 160):
        pass
    with stabilized_video.open_writer(None, color, 160) as append:
        append(color, np.eye(3))
    assert list(tmp_path.iterdir()) == []
