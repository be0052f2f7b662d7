"""BLAS has one thread within the context, and what it had before afterwards."""

import threading

import numpy as np
import pytest
import threadpoolctl

from keras_homography.registration import dense_matching
from keras_homography.utils.blas_threads import single_blas_thread


def num_threads():
    pools = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
    return {pool["num_threads"] for pool in pools}


def test_one_thread_within_and_as_many_as_before_afterwards():
    before = num_threads()
    with single_blas_thread():
        assert num_threads() == {1}
    assert num_threads() == before


def test_an_error_leaves_the_number_as_it_was():
    before = num_threads()
    with pytest.raises(KeyError), single_blas_thread():
        raise KeyError
    assert num_threads() == before


def test_threads_that_match_at_the_same_time_leave_the_number_as_it_was():
    before = num_threads()
    random = np.random.default_rng(0).normal(size=[500, 64]).astype(np.float32)

    def match():
        for _ in range(20):
            dense_matching._find_mutual_nearest(random, random)

    threads = [threading.Thread(target=match) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert num_threads() == before
