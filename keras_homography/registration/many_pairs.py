"""Many pairs in several processes, results in order."""

import collections
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeAlias

import numpy.typing as npt

from keras_homography.registration.result import Estimate
from keras_homography.utils.errors import UserError
from keras_homography.utils.standard_streams import print_error

_AHEAD = 2  # pairs for each process that are read before their results are asked for

Estimator: TypeAlias = Callable[[npt.ArrayLike, npt.ArrayLike], Estimate]

_estimate: Estimator | None = None  # of this process


def estimate_many(
    estimate: Estimator,
    pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
    num_workers: int,
    progress: bool = False,
) -> Iterator[Estimate]:
    """Estimate the homographies of many pairs.

    Args:
      estimate: of one pair; can be pickled.
      pairs: `(image_a, image_b)`, read no further than two pairs a process ahead.
      num_workers: processes; 0 for this one alone.
      progress: print to standard error how many are done.

    Returns:
      An iterator over the results, in order.

    Raises:
      UserError: the number is below 0.
    """
    if num_workers < 0:
        raise UserError(f"num_workers must be at least 0; got {num_workers}.")
    results: Iterator[Estimate]
    if num_workers == 0:
        results = (estimate(image_a, image_b) for image_a, image_b in pairs)
    else:
        results = _in_processes(estimate, pairs, num_workers)
    return _report(results, pairs) if progress else results


def _report(results: Iterator[Estimate], pairs: object) -> Iterator[Estimate]:
    """Print how many results there are, and of how many if `pairs` knows."""
    of_count = f"/{len(pairs)}" if isinstance(pairs, Sized) else ""
    for number, result in enumerate(results, start=1):
        print_error(f"\rpair {number}{of_count}", end="")
        yield result
    print_error("")


def _in_processes(
    estimate: Estimator, pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], num_workers: int
) -> Iterator[Estimate]:
    # Not forked: the threads of LiteRT and OpenCV do not survive that.
    context = multiprocessing.get_context("spawn")
    waiting: collections.deque[Future[Estimate]] = collections.deque()
    with ProcessPoolExecutor(num_workers, context, _begin, (estimate,)) as executor:
        try:
            for image_a, image_b in pairs:
                if len(waiting) >= _AHEAD * num_workers:
                    yield waiting.popleft().result()
                waiting.append(executor.submit(_run, image_a, image_b))
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _begin(estimate: Estimator) -> None:
    global _estimate
    _estimate = estimate


def _run(image_a: npt.ArrayLike, image_b: npt.ArrayLike) -> Estimate:
    assert _estimate is not None  # `_begin` ran
    return _estimate(image_a, image_b)
