"""Trains a homography network, validates it, exports it.

    python -m keras_homography.train --flagfile=flags/quickstart.flags
    python -m keras_homography.train --gpus=1 --output_dir=runs/coco

Leaves in `--output_dir`: `model.keras`, `saved_model/`, `model.tflite`, `metrics.json`,
`run.flags`, `learning_curve.png`, `validation.png`, `history.json`, TensorBoard's `logs/`, and
`checkpoints/` to resume from. The same command again resumes; a larger `--steps` extends a finished
run.
"""

import os
import pathlib
import sys

from absl import flags

from keras_homography.saving import pretrained
from keras_homography.training import run_folder, training_flags
from keras_homography.utils import command_line, files
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS


flags.adopt_module_key_flags(training_flags)
# Flags that mean nothing where pairs are not made, but there.
_OF_MADE_PAIRS = (
    *("make_pairs_on", "data_service", "distortion"),
    *("pairs_per_image", "cache", "data_dir"),
)
_ATTEMPTS = "KERAS_HOMOGRAPHY_ATTEMPTS"
# What the others see, depending on what they were doing.
_WORKER_LOST = (
    "AbortedError",
    "CancelledError",
    "DeadlineExceededError",
    "InternalError",
    "UnavailableError",
    "UnknownError",
)


def _image_size():
    try:
        width, height = (int(side) for side in FLAGS.image_size)
    except ValueError:
        raise UserError(
            f"--image_size must be WIDTH,HEIGHT in pixels; got {','.join(FLAGS.image_size)}."
        ) from None
    return width, height


def _is_unlabeled():
    """Whether the pairs are a user's own, which nobody has labeled."""
    given = FLAGS.dataset != "synthetic" and os.path.exists(FLAGS.dataset)
    return FLAGS.loss == "photometric" and given


def _parts():
    """Which parts of the datasets are for training and for validation."""
    return ("all", "all") if FLAGS.validation_dataset else ("train", "validation")


def _open_frames(width, height, cluster):
    """`_open_data` of pairs that nobody has labeled."""
    from keras_homography.data import batching, frame_pairs
    from keras_homography.training import validation

    of_training, of_validation = _parts()
    source = frame_pairs.FramePairs(FLAGS.dataset, height, width, of_training)
    pairs, skipped = None, source.skipped
    if cluster.is_writer:
        held_out = frame_pairs.FramePairs(
            FLAGS.validation_dataset or FLAGS.dataset, height, width, of_validation
        )
        pairs = validation.UnlabeledValidation(
            held_out.validation(FLAGS.validation_pairs, FLAGS.patch_size, batching.VALIDATION_SEED)
        )
        skipped = skipped | held_out.skipped

    def batches(step):
        return source.batches(
            seed=FLAGS.seed,
            batch_size=FLAGS.batch_size,
            patch_size=FLAGS.patch_size,
            start_step=step,
            shard=(cluster.task, len(cluster.workers)),
        )

    return batches, pairs, skipped


def _open_data(width, height, cluster):
    """The training batches of this worker, as a function of the first step; the pairs to validate
    on; and what of the dataset cannot be used, `{path: reason}`."""
    from keras_homography.data import batching, distortions, sources, tf_data_service
    from keras_homography.data.pair_spec import PairSpec
    from keras_homography.training import validation

    spec = PairSpec(FLAGS.patch_size, FLAGS.rho, width, height)
    if FLAGS.data_service:
        tf_data_service.parse_address(FLAGS.data_service)

    def open_source(dataset, part, **options):
        return sources.open_source(
            dataset,
            part,
            height=height,
            width=width,
            min_side=FLAGS.patch_size,
            data_dir=FLAGS.data_dir,
            **options,
        )

    of_training, of_validation = _parts()
    source = open_source(FLAGS.dataset, of_training, cache=FLAGS.cache, quick=True)
    pairs, skipped = None, source.skipped
    if cluster.is_writer:
        held_out = open_source(FLAGS.validation_dataset or FLAGS.dataset, of_validation)
        pairs = validation.LabeledValidation(
            batching.validation_batches(held_out, FLAGS.validation_pairs, spec), FLAGS.rho
        )
        skipped = skipped | held_out.skipped

    def batches(step):
        options = {
            "seed": FLAGS.seed,
            "batch_size": FLAGS.batch_size,
            "pairs_per_image": FLAGS.pairs_per_image,
            "start_step": step,
            "shard": (cluster.task, len(cluster.workers)),
        }
        if FLAGS.make_pairs_on == "device":
            made = batching.image_batches(source, **options).prefetch(2)
        else:
            distort = (
                None if FLAGS.distortion == "none" else distortions.get_distortion(FLAGS.distortion)
            )
            made = batching.pair_batches(source, spec, distort=distort, **options)
        if FLAGS.data_service:
            job = f"{pathlib.Path(FLAGS.output_dir).absolute()}-{cluster.task}-{step}"
            made = tf_data_service.distribute(made, FLAGS.data_service, job)
        return made

    return batches, pairs, skipped


def _build_model():
    """The architecture with its flags, in Keras's present dtype policy."""
    from keras_homography import models

    options = {} if FLAGS.dropout is None else {"dropout": FLAGS.dropout}
    return models.build(
        FLAGS.model,
        patch_size=FLAGS.patch_size,
        rho=FLAGS.rho,
        width=FLAGS.width,
        **options,
    )


def _build_trainable_model(strategy):
    """The model to train: under the strategy, in the precision asked for, compiled."""
    import keras
    import tensorflow as tf

    from keras_homography import models
    from keras_homography.data import pairs
    from keras_homography.data.pair_spec import PairSpec
    from keras_homography.saving import loading
    from keras_homography.training import mixed_precision, optimizers, trainable_model

    keras.utils.set_random_seed(FLAGS.seed)
    if FLAGS.deterministic:
        tf.config.experimental.enable_op_determinism()
    policy = mixed_precision.find_policy(FLAGS.mixed_precision, FLAGS.gpus)
    with strategy.scope(), mixed_precision.dtype_policy(policy):
        model = _build_model()
        if FLAGS.initial_weights:
            path = pretrained.resolve_model(FLAGS.initial_weights)
            models.copy_weights(model, loading.load_model(path, FLAGS.trust_model))
        optimizer = optimizers.build_optimizer(
            FLAGS.optimizer,
            FLAGS.schedule,
            FLAGS.learning_rate,
            FLAGS.steps,
            FLAGS.warmup_steps,
            FLAGS.decay_steps,
            FLAGS.clip_norm,
        )
        make_pairs = None
        if FLAGS.make_pairs_on == "device":
            width, height = _image_size()
            spec = PairSpec(FLAGS.patch_size, FLAGS.rho, width, height)
            make_pairs = pairs.make_pair_fn(FLAGS.seed, spec)
        return trainable_model.compile_model(
            model,
            optimizer,
            FLAGS.loss,
            FLAGS.rho,
            FLAGS.jit_compile,
            FLAGS.steps_per_execution,
            make_pairs,
            labeled=not _is_unlabeled(),
        )


def _finish(model, pairs, skipped, checkpoints, output_dir):
    """Exports the weights of the best round, measures them, and says where everything is."""
    from keras_homography import models
    from keras_homography.training import final_report

    # A float32 copy: models of mixed precision do not convert to built-in TFLite operators.
    exported = _build_model()
    checkpoints.restore_best()
    for layer in exported.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    if FLAGS.refine:
        exported = models.refine(exported)
    described = {
        "model": FLAGS.model,
        "dataset": FLAGS.dataset,
        "validation_dataset": FLAGS.validation_dataset or FLAGS.dataset,
        "skipped": skipped,
    }
    final_report.write(exported, described, pairs, checkpoints, output_dir)


def _join_cluster(resolved, output_dir):
    """The cluster of this run, once all of its workers have met."""
    import tensorflow as tf

    from keras_homography.training import cluster

    found = cluster.find(FLAGS.workers, FLAGS.task)
    if len(found.workers) > 1:
        print(f"Worker {found.task} of {len(found.workers)} waits for the others.", flush=True)
        newest = tf.train.latest_checkpoint(str(output_dir / "checkpoints" / "last"))
        seen = f"newest checkpoint in --output_dir: {newest and pathlib.Path(newest).name}"
        cluster.meet(found, f"{run_folder.shared_by_all_workers(resolved)}\n{seen}")
    return found


def _start_again(made_progress):
    """Replaces this process by a new one with the same command: TensorFlow cannot leave a cluster
    that has lost a worker. The new one waits for the lost one, and resumes with it. Returns if that
    was tried three times without a step."""
    attempts = 0 if made_progress else int(os.environ.get(_ATTEMPTS, "0"))
    if attempts < 3:
        os.environ[_ATTEMPTS] = str(attempts + 1)
        print("\nA worker was lost. Starting again from the last checkpoint.", flush=True)
        os.execv(sys.executable, [sys.executable, "-m", "keras_homography.train", *sys.argv[1:]])


def _check_flags():
    """Raises `ValueError` for flags that do not go together."""
    if FLAGS.make_pairs_on == "device" and FLAGS.distortion != "none":
        raise UserError(
            f"--make_pairs_on=device cannot make --distortion={FLAGS.distortion}: JPEG files are "
            "written by the CPU. Use --make_pairs_on=host, or --distortion=none."
        )
    if _is_unlabeled():
        for flag in _OF_MADE_PAIRS:
            if FLAGS[flag].value != FLAGS[flag].default:
                raise UserError(
                    f"--{flag}={FLAGS[flag].value} is for pairs that are made of photos; with "
                    f"--loss=photometric the pairs of {FLAGS.dataset} are taken as they are."
                )


def main():
    output_dir = pathlib.Path(FLAGS.output_dir)
    resolved = command_line.resolved_flags(sys.modules[__name__])
    run_folder.check_run_folder(output_dir, resolved)
    width, height = _image_size()
    _check_flags()

    from keras_homography.data.pair_spec import PairSpec
    from keras_homography.training import (
        callbacks,
        checkpointing,
        distribution_strategy,
        training_loop,
    )

    if not _is_unlabeled():
        PairSpec(FLAGS.patch_size, FLAGS.rho, width, height)  # raises if they do not fit
    cluster = _join_cluster(resolved, output_dir)
    strategy = distribution_strategy.make_strategy(FLAGS.gpus, cluster=cluster)
    if FLAGS.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch_size={FLAGS.batch_size} must be a multiple of the "
            f"{strategy.num_replicas_in_sync} devices: --gpus={FLAGS.gpus} on each of "
            f"{len(cluster.workers)} machines."
        )
    model = _build_trainable_model(strategy)  # first: a folder of photos can take minutes to read
    open_data = _open_frames if _is_unlabeled() else _open_data
    batches, validation_pairs, skipped = open_data(width, height, cluster)

    output_dir.mkdir(parents=True, exist_ok=True)
    if cluster.is_writer:
        files.remove_leftovers(output_dir)
        files.write_text(output_dir / "run.flags", resolved)
    criterion = validation_pairs.criterion if cluster.is_writer else None
    checkpoints = checkpointing.Checkpoints(
        model, output_dir, FLAGS.batch_size, criterion, cluster.is_writer
    )
    step = checkpoints.resume()
    print(f"Training {FLAGS.model} on {FLAGS.dataset}: step {step} to {FLAGS.steps}.")
    try:
        training_loop.fit(
            model,
            batches,
            callbacks.Validation(validation_pairs, output_dir) if cluster.is_writer else None,
            checkpoints,
            steps=FLAGS.steps,
            steps_per_round=FLAGS.steps_per_round,
            output_dir=output_dir,
            profile=FLAGS.profile,
        )
    except callbacks.StopRequestedError as interruption:
        print(f"\nStopped and saved at step {checkpoints.step}. Run the same command to go on.")
        return 128 + interruption.args[0]
    except callbacks.DivergedError:
        raise UserError(
            f"The loss is not finite after step {checkpoints.step}; the state of the last round "
            f"is kept in {output_dir / 'checkpoints'}. Try a lower --learning_rate, or "
            "--mixed_precision=none, in another --output_dir."
        ) from None
    except Exception as error:
        if len(cluster.workers) > 1 and type(error).__name__ in _WORKER_LOST:
            _start_again(checkpoints.step > step)
        raise
    if cluster.is_writer:
        _finish(model, validation_pairs, skipped, checkpoints, output_dir)


if __name__ == "__main__":
    command_line.run(main)
