"""Sheets of pairs, also of answers that are missing or far away."""

import numpy as np

from keras_homography.evaluation import pair_sheets


class Pairs:
    """Gray patches of 256 pixels, for `ProtocolPairs`."""

    def select(self, indices, condition):
        return {index: np.full([256, 256, 2], 90, np.uint8) for index in indices}


def test_true_quads_are_green_and_predicted_ones_red_where_there_are_any(make_results):
    h4pt = np.full([6, 4, 2], np.nan)
    h4pt[2:] = 1e12
    h4pt[5] = 0
    (result,) = make_results(h4pt)
    sheet = pair_sheets.draw([result], Pairs())
    assert sheet.dtype == np.uint8
    red_minus_green = sheet[..., 0].astype(int) - sheet[..., 1]
    columns = np.split(red_minus_green, 6, axis=1)
    assert all((column < -50).any() for column in columns)
    # By error: the identity and what counts as it, three of them; then those far away.
    predicted = [bool((column > 50).any()) for column in columns]
    answers = [int(index) for index in np.argsort(result.errors, kind="stable")]
    drawn = [answers[i] == 5 for i in (0, 1, 2, 3, 4, 5)]
    assert predicted == drawn
