"""Unlabeled pairs of frames, against the images that the frames were written from."""

import cv2
import numpy as np
import pytest

from keras_homography.data import frame_pairs

SIZE = (64, 48)  # width, height


def gray(value):
    """A frame that is known by its gray level."""
    return np.full((SIZE[1], SIZE[0], 3), value, np.uint8)


def write(folder, values, suffix="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, value in enumerate(values):
        assert cv2.imwrite(str(folder / f"{number:03d}.{suffix}"), gray(value))
    return folder


def levels(source, count=40, **options):
    """The gray levels of the first `count` pairs, as a set of tuples."""
    batches = source.batches(seed=3, batch_size=4, patch_size=32, **options)
    patches = np.concatenate([patches for (patches,) in batches.take(count // 4)])
    assert patches.shape[1:] == (32, 32, 2)
    assert patches.dtype == np.float32
    return {tuple(pair) for pair in patches[:, 5, 7].astype(int).tolist()}


def test_frames_next_to_each_other_are_pairs_in_both_roles(tmp_path):
    source = frame_pairs.FramePairs(write(tmp_path, [10, 20, 30]), 48, 64)
    assert source.count == 2
    assert levels(source) == {(10, 20), (20, 10), (20, 30), (30, 20)}


def test_every_folder_is_a_sequence_of_its_own(tmp_path):
    for number in range(3):
        write(tmp_path / f"pair {number}", [10 * number, 10 * number + 5])
    source = frame_pairs.FramePairs(tmp_path, 48, 64)
    assert source.count == 3
    assert {tuple(sorted(pair)) for pair in levels(source)} == {(0, 5), (10, 15), (20, 25)}


def test_a_video(tmp_path):
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    for value in (40, 80, 120, 160):
        writer.write(gray(value))
    writer.release()
    source = frame_pairs.FramePairs(path, 48, 64)
    assert source.count == 3
    levels_of_pairs = {
        tuple(sorted(round(level / 40) for level in pair)) for pair in levels(source)
    }
    assert levels_of_pairs == {(1, 2), (2, 3), (3, 4)}


@pytest.mark.parametrize("sequences", [1, 2, 30])
def test_parts_do_not_share_pairs(tmp_path, sequences):
    for number in range(sequences):
        write(tmp_path / f"{number:02d}", [8 * number + i for i in range(5)])
    train, held_out, whole = (
        {
            tuple(sorted(pair))
            for pair in levels(frame_pairs.FramePairs(tmp_path, 48, 64, part), 400)
        }
        for part in ("train", "validation", "all")
    )
    assert held_out
    assert not train & held_out
    assert train | held_out <= whole


def test_pairs_are_a_function_of_the_seed_and_their_number(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(6):
        noise = rng.integers(0, 256, (48, 64), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), noise)
    source = frame_pairs.FramePairs(tmp_path, 48, 64)

    def first(count, **options):
        batches = source.batches(patch_size=32, **options)
        return np.stack([patches for (patches,) in batches.take(count)])

    whole = first(6, seed=1, batch_size=4)
    np.testing.assert_array_equal(first(2, seed=1, batch_size=4, start_step=4), whole[4:])
    assert not np.array_equal(first(6, seed=2, batch_size=4), whole)
    parts = [first(6, seed=1, batch_size=4, shard=(worker, 2)) for worker in (0, 1)]
    np.testing.assert_array_equal(np.stack(parts, 2).reshape(whole.shape), whole)


def test_both_patches_are_cut_at_the_same_place(tmp_path):
    """The second frame is the first, 100 gray levels brighter."""
    ramp = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    cv2.imwrite(str(tmp_path / "b.png"), ramp + 100)
    (patches,) = next(
        iter(frame_pairs.FramePairs(tmp_path, 48, 64).batches(seed=0, batch_size=8, patch_size=32))
    )
    difference = patches.numpy()[..., 1] - patches.numpy()[..., 0]
    assert (np.abs(difference) == 100).all()
    assert len(np.unique(difference)) == 2
    assert len(np.unique(patches.numpy()[:, 0, 0].min(axis=-1))) > 3  # of several places


def test_frames_of_different_sizes(tmp_path):
    write(tmp_path, [1, 2])
    cv2.imwrite(str(tmp_path / "9.png"), np.zeros((30, 40), np.uint8))
    with pytest.raises(ValueError, match=r"9\.png has 40x30 pixels, .* 64x48"):
        frame_pairs.FramePairs(tmp_path, 48, 64)


def test_one_frame_is_no_pair(tmp_path):
    write(tmp_path / "alone", [1])
    with pytest.raises(ValueError, match="no two frames"):
        frame_pairs.FramePairs(tmp_path, 48, 64)
    write(tmp_path / "both", [1, 2])
    assert frame_pairs.FramePairs(tmp_path, 48, 64).count == 1


def test_a_frame_that_cannot_be_read_ends_a_sequence(tmp_path, caplog):
    """Those before and after it are no neighbors."""
    write(tmp_path, [10, 20, 30, 40, 50])
    (tmp_path / "002.png").write_text("not an image")
    source = frame_pairs.FramePairs(tmp_path, 48, 64)
    assert {tuple(sorted(pair)) for pair in levels(source)} == {(10, 20), (40, 50)}
    assert [path[-7:] for path in source.skipped] == ["002.png"]
    assert "002.png is not an image" in caplog.text


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    for number, value in {"9": 10, "10": 20, "100": 30}.items():
        assert cv2.imwrite(str(tmp_path / f"frame{number}.png"), gray(value))
    levels_of_pairs = {
        tuple(sorted(pair)) for pair in levels(frame_pairs.FramePairs(tmp_path, 48, 64))
    }
    assert levels_of_pairs == {(10, 20), (20, 30)}


@pytest.mark.parametrize(("count", "part"), [(3, "train"), (3, "validation")])
def test_too_few_frames_to_hold_some_out(tmp_path, count, part):
    write(tmp_path, range(count))
    with pytest.raises(ValueError, match="at least 4 are needed"):
        frame_pairs.FramePairs(tmp_path, 48, 64, part)


def test_missing_or_too_small_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        frame_pairs.FramePairs(tmp_path / "nothing", 48, 64)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="not a video"):
        frame_pairs.FramePairs(tmp_path / "text.mp4", 48, 64)
    source = frame_pairs.FramePairs(write(tmp_path / "frames", [1, 2]), 48, 64)
    with pytest.raises(ValueError, match="hold no patch of 64"):
        source.batches(seed=0, batch_size=2, patch_size=64)


def test_a_bad_file_among_those_held_out_does_not_end_a_run(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}", [10 * number, 10 * number + 5])
    (tmp_path / "3" / "001.png").write_text("not an image")
    assert frame_pairs.FramePairs(tmp_path, 48, 64, "validation").count == 1
    assert frame_pairs.FramePairs(tmp_path, 48, 64, "train").count == 2


def test_validation_is_the_start_of_the_sequence(tmp_path):
    source = frame_pairs.FramePairs(write(tmp_path, range(0, 250, 5)), 48, 64)
    validation = source.validation_batches(70, patch_size=32, seed=3)
    batches = [patches for (patches,) in validation.as_numpy_iterator()]
    assert [len(patches) for patches in batches] == [64, 6]
    (first,) = next(source.batches(seed=3, batch_size=64, patch_size=32).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0], first)
