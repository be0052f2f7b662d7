"""Which of two candidates is better: the likelier one, and of two as likely ones the closer one."""

import dataclasses

import numpy as np
import pytest

from keras_homography.registration.candidate import NO_CANDIDATE, Candidate, better
from keras_homography.registration.evidence import Evidence, MatchEvidence

MATCHES = MatchEvidence(200, 180, 0.8, 1.0, 100, 92)
MORE_MATCHES = dataclasses.replace(MATCHES, agreeing=184)
EVIDENCE = Evidence(
    0.9, windows=80, agreeing=64, spread=0.8, disagreement=0.4, matches=MATCHES, misalignment=0.4
)


def candidate(**changes):
    return Candidate("test", np.eye(3), dataclasses.replace(EVIDENCE, **changes))


def test_any_candidate_is_better_than_none():
    some = candidate()
    assert better(NO_CANDIDATE, some) is some
    assert better(some, NO_CANDIDATE) is some


@pytest.mark.parametrize("closer_first", [True, False])
def test_of_two_that_are_about_as_likely_the_closer_one_is_better(closer_first):
    closer, farther = candidate(misalignment=0.3), candidate(matches=MORE_MATCHES)
    assert farther.probability > closer.probability
    first, second = (closer, farther) if closer_first else (farther, closer)
    assert better(first, second) is closer


def test_a_far_likelier_one_is_better_however_close_the_other():
    few = dataclasses.replace(MATCHES, agreeing=60)
    unlikely = candidate(agreeing=28, matches=few, misalignment=0.1)
    assert better(unlikely, candidate()).evidence == EVIDENCE


def test_what_fewer_windows_agree_with_is_not_taken_for_closer():
    closer = candidate(agreeing=52, misalignment=0.3)
    agreeing = candidate(matches=MORE_MATCHES)
    assert agreeing.probability > closer.probability > 0.5
    assert better(closer, agreeing) is better(agreeing, closer) is agreeing


def test_where_gray_levels_do_not_agree_they_do_not_say_which_is_closer():
    likelier = candidate(agreeing=8, matches=MORE_MATCHES)
    closer = candidate(agreeing=8, misalignment=0.1)
    assert better(likelier, closer) is better(closer, likelier) is likelier
