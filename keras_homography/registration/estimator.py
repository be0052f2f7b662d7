"""`HomographyEstimator`: the homography between two images of any size, or a reason why not."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy.typing as npt

from keras_homography.registration import (
    arguments,
    frame_tracking,
    image_preparation,
    many_pairs,
    motion_models,
    planes,
    point_matching,
    references,
)
from keras_homography.registration.pair_estimation import PairEstimator
from keras_homography.registration.references import Reference
from keras_homography.registration.result import Estimate, PlaneEstimates, PointMatches
from keras_homography.saving import feature_networks, networks
from keras_homography.utils.deprecation import renamed_arguments
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras


class HomographyEstimator:
    """Estimates homographies between images of any size.

        estimator = keras_homography.HomographyEstimator()
        result = estimator.estimate(image_a, image_b)
        if result.ok:
            overlaid = cv2.warpPerspective(image_a, result.homography, size_of_b)
        else:
            print(result.reason)

    A network gives the initialization, from both images at its size; Lucas–Kanade refines it up a
    pyramid to full resolution. Where that does not explain the images well, another network, the
    matcher, finds matches of dense features: of the images, then of views of them, turned, reduced
    and tilted. It also checks every answer: once the images are aligned, matches stay in place.

    Threads may share an estimator; they take turns at the network. It can be pickled.

    Args:
      model: the path of a `.tflite` or `.keras` file or of a SavedModel's folder, the name of a
        shipped model, or a `keras.Model`; None for the shipped TFLite file, which needs no
        TensorFlow.
      matcher: the same for the network that matches; None for the shipped one.
      min_confidence: 0 to 1; an estimate below it is refused.
      max_attempts: number of initializations that are tried before a pair is refused. 100 for views
        from far aside.
      max_seconds: after which no attempt begins; None for no limit, so that answers do not depend
        on the speed of the machine.
      num_threads: threads of a TFLite file; None for LiteRT's default.
      trust: open the model's file whatever it contains and wherever it comes from.

    Raises:
      UserError: the model cannot be read or is not trusted, or a number is out of its range.
    """

    @renamed_arguments(least_confidence="min_confidence", threads="num_threads", trusted="trust")
    def __init__(
        self,
        model: "str | os.PathLike[str] | keras.Model | None" = None,
        *,
        matcher: "str | os.PathLike[str] | keras.Model | None" = None,
        min_confidence: float = 0.5,
        max_attempts: int = 10,
        max_seconds: float | None = None,
        num_threads: int | None = None,
        trust: bool = False,
    ) -> None:
        if not 0.0 <= min_confidence <= 1.0:
            raise UserError(f"min_confidence must be in 0..1; got {min_confidence}.")
        if max_attempts < 1:
            raise UserError(f"max_attempts must be at least 1; got {max_attempts}.")
        if max_seconds is not None and not max_seconds > 0:
            raise UserError(f"max_seconds must be above 0, or None; got {max_seconds}.")
        network = networks.open_network(model, num_threads, trust)
        self._matcher = feature_networks.open_matcher(matcher, num_threads, trust)
        self._max_attempts = max_attempts
        self._pairs = PairEstimator(
            network, self._matcher, min_confidence, max_attempts, max_seconds
        )

    @renamed_arguments(start="initial_a_from_b")
    def estimate(
        self,
        image_a: npt.ArrayLike | Reference,
        image_b: npt.ArrayLike,
        *,
        initial_a_from_b: npt.ArrayLike | Estimate | None = None,
        mask_a: npt.ArrayLike | None = None,
        mask_b: npt.ArrayLike | None = None,
        camera_matrix_a: npt.ArrayLike | None = None,
        distortion_a: npt.ArrayLike | None = None,
        camera_matrix_b: npt.ArrayLike | None = None,
        distortion_b: npt.ArrayLike | None = None,
        motion: str = "homography",
        agreement: bool = False,
    ) -> Estimate:
        """Estimate the homography between two images.

        Args:
          image_a: uint8, uint16 or float (0..255), `[height, width]` or `[height, width, 1, 3 or
            4]`, RGB; or a reference that `prepare` returned.
          image_b: the same; its size may differ.
          initial_a_from_b: a homography to be tried first, `[3, 3]`, from pixels of B to pixels of
            A; or an earlier result, as of the previous frame, ignored if it was refused.
          mask_a: bool or uint8 `[height, width]` of A, not 0 where it counts, as OpenCV's masks;
            what is masked takes no part. None for all of it.
          mask_b: the same of B.
          camera_matrix_a: `[3, 3]` of the camera of A, as OpenCV's. A is undistorted first, as by
            `geometry.undistort`: results and `initial_a_from_b` are in pixels of that; masks are of
            the image as it is.
          distortion_a: of its lens: 4, 5, 8, 12 or 14 numbers, as OpenCV's; None for none.
          camera_matrix_b: the same of B.
          distortion_b: the same of B.
          motion: "translation", "similarity", "affine" or "homography": fewer numbers are estimated
            where less is possible.
          agreement: also map where the images agree: `result.agreement`.

        Returns:
          The homography, or the reason why no reliable one was found.

        Raises:
          UserError: an argument is no such image, mask, matrix or camera, or the reference is of
            another estimator.
        """
        start_time = time.perf_counter()
        reference = references.check(self._matcher, image_a, mask_a, camera_matrix_a, distortion_a)
        prepared_b = image_preparation.prepare(
            image_b, "image_b", mask_b, camera_matrix_b, distortion_b
        )
        return self._pairs.estimate(
            reference,
            prepared_b,
            start_time=start_time,
            initial_a_from_b=arguments.check_initial(initial_a_from_b),
            motion=motion_models.check(motion),
            agreement=agreement,
        )

    def estimate_planes(
        self,
        image_a: npt.ArrayLike,
        image_b: npt.ArrayLike,
        *,
        max_planes: int = 3,
        mask_a: npt.ArrayLike | None = None,
        mask_b: npt.ArrayLike | None = None,
    ) -> PlaneEstimates:
        """Estimate the homographies of several planes: a floor and a wall, a poster before a wall.

            for plane in estimator.estimate_planes(image_a, image_b):
                print(plane.homography, plane.region.mean())

        Args:
          image_a: as of `estimate`.
          image_b: the same.
          max_planes: of which the search ends.
          mask_a: as of `estimate`.
          mask_b: the same.

        Returns:
          The planes, the largest in B first, each judged as `estimate` judges; falsy with a reason
          if there is none.

        Raises:
          UserError: an argument is no such image or mask, or the number is below 1.
        """
        if max_planes < 1:
            raise UserError(f"max_planes must be at least 1; got {max_planes}.")
        prepared_a = image_preparation.prepare(image_a, "image_a", mask_a)
        prepared_b = image_preparation.prepare(image_b, "image_b", mask_b)
        return planes.estimate_planes(self._pairs, prepared_a, prepared_b, max_planes)

    def prepare(
        self,
        image_a: npt.ArrayLike,
        *,
        mask_a: npt.ArrayLike | None = None,
        camera_matrix_a: npt.ArrayLike | None = None,
        distortion_a: npt.ArrayLike | None = None,
    ) -> Reference:
        """Prepare an image that many others are compared with: a template, a tile of a map.

            reference = estimator.prepare(image_a)
            results = [estimator.estimate(reference, image_b) for image_b in images]

        Args:
          image_a: as of `estimate`.
          mask_a: as of `estimate`.
          camera_matrix_a: the same.
          distortion_a: the same.

        Returns:
          The reference, for `estimate` and `estimate_sequence` of this estimator.

        Raises:
          UserError: an argument is no such image, mask or camera.
        """
        return references.prepare(self._matcher, image_a, mask_a, camera_matrix_a, distortion_a)

    def match(
        self,
        image_a: npt.ArrayLike,
        image_b: npt.ArrayLike,
        *,
        mask_a: npt.ArrayLike | None = None,
        mask_b: npt.ArrayLike | None = None,
    ) -> PointMatches:
        """Match points of two images by dense features, without a verdict.

        Args:
          image_a: as of `estimate`.
          image_b: the same.
          mask_a: as of `estimate`; no point is matched where it does not count.
          mask_b: the same.

        Returns:
          The matches, none for images that are too small or have no texture.

        Raises:
          UserError: an argument is no such image or mask.
        """
        prepared_a = image_preparation.prepare(image_a, "image_a", mask_a)
        prepared_b = image_preparation.prepare(image_b, "image_b", mask_b)
        return point_matching.match_points(
            self._matcher, prepared_a, prepared_b, self._max_attempts
        )

    def estimate_many(
        self,
        pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
        num_workers: int = 0,
        *,
        progress: bool = False,
    ) -> Iterator[Estimate]:
        """Estimate the homographies of many pairs, in several processes.

        Args:
          pairs: iterable of `(image_a, image_b)`, read as results are asked for.
          num_workers: processes, spawned; 0 for this one alone.
          progress: print to standard error how many are done.

        Returns:
          An iterator over the results, in order.
        """
        return many_pairs.estimate_many(self.estimate, pairs, num_workers, progress)

    def estimate_sequence(
        self,
        image_a: npt.ArrayLike | Reference,
        frames: Iterable[npt.ArrayLike],
        *,
        mask_a: npt.ArrayLike | None = None,
        mask_b: npt.ArrayLike | None = None,
        motion: str = "homography",
    ) -> Iterator[Estimate]:
        """Register the frames of a video to one image, each tracked from the frames before.

        Args:
          image_a: the image to which all are registered, or a reference.
          frames: images; each is B in its turn.
          mask_a: as of `estimate`.
          mask_b: the same, of every frame.
          motion: as of `estimate`.

        Yields:
          The result of each frame. `max_attempts` and `max_seconds` hold for a first frame; for one
          that is lost later, three attempts at most, but every 30th while nothing is found.
        """
        reference = references.check(self._matcher, image_a, mask_a)
        tracker = frame_tracking.FrameTracker(reference, self._pairs, motion_models.check(motion))
        for frame in frames:
            start_time = time.perf_counter()
            prepared = image_preparation.prepare(frame, "image_b", mask_b)
            yield tracker.register(prepared, start_time)
