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

from keras_homography import files, programs, run_flags

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "dataset", "coco/2017", "TFDS name, folder of photos (searched recursively), or 'synthetic'."
)
flags.DEFINE_string(
    "validation_dataset", "", "The same, for validation. Empty: a held-out part of --dataset."
)
flags.DEFINE_string("data_dir", None, "Where TFDS keeps its datasets. Default: TFDS's own.")
flags.DEFINE_string(
    "cache",
    "auto",
    "Where decoded photos are kept: 'memory'; a folder's path, for all runs to come; 'none' to "
    "decode them every time; 'auto' is memory for a folder of photos, none for TFDS.",
)
flags.DEFINE_string(
    "data_service", None, "Make the pairs on a tf.data service: grpc://host:port of its dispatcher."
)
flags.DEFINE_enum(
    "make_pairs_on",
    "host",
    ["host", "device"],
    "'device' warps the photos within the step of training, on the GPU, where a host only decodes.",
)
flags.DEFINE_string(
    "model",
    "homographynet",
    "Architecture: homographynet, homographynet_classifier, mobile or cascade.",
)
flags.DEFINE_float("width", 1.0, "Factor on the number of channels.")
flags.DEFINE_float("dropout", None, "Share of activations dropped. Default: the architecture's.")
flags.DEFINE_string(
    "initial_weights", None, "A .keras file to start from, or the name of a shipped model."
)
flags.DEFINE_bool("refine", False, "Export the model with Lucas-Kanade refinement behind it.")
flags.DEFINE_integer("patch_size", 128, "Side of a patch, in pixels.")
flags.DEFINE_integer("rho", 32, "The most that a corner moves along x and y, in pixels.")
flags.DEFINE_list("image_size", ["320", "240"], "Photos are stretched to WIDTH,HEIGHT.")
flags.DEFINE_integer("pairs_per_image", 8, "Pairs made of a photo each time it is read.")
flags.DEFINE_enum(
    "distortion",
    "none",
    ["none", "photometric", "occlusion", "noise", "blur", "low_light", "mixed"],
    "What a camera and a scene do to the patches of training.",
)
flags.DEFINE_integer("steps", 90_000, "Batches to train on, in all.", lower_bound=1)
flags.DEFINE_integer("batch_size", 64, "Pairs in a batch, over all GPUs.", lower_bound=1)
flags.DEFINE_enum(
    "loss",
    "corner",
    ["corner", "l2", "huber", "cross_entropy"],
    "What to minimise; 'cross_entropy' is for homographynet_classifier.",
)
flags.DEFINE_enum("optimizer", "adam", ["adam", "sgd"], "SGD has a momentum of 0.9.")
flags.DEFINE_float("learning_rate", 5e-4, "The highest learning rate.")
flags.DEFINE_enum(
    "schedule",
    "cosine",
    ["constant", "step", "cosine"],
    "Of the learning rate: 'step' divides it by 10 every --decay_steps; 'cosine' falls to 0 at "
    "--steps.",
)
flags.DEFINE_integer("decay_steps", 30_000, "Of --schedule=step.", lower_bound=1)
flags.DEFINE_float("clip_norm", None, "The largest norm of a gradient. Default: no limit.")
flags.DEFINE_integer("warmup_steps", 0, "Of --schedule=cosine.", lower_bound=0)
flags.DEFINE_integer("gpus", 0, "GPUs of this machine to train on; 0 is the CPU.", lower_bound=0)
flags.DEFINE_list(
    "workers", [], "To train on several machines: host:port of all, the same on each."
)
flags.DEFINE_integer(
    "task", None, "Which of the --workers this is, from 0. Default: what TF_CONFIG says."
)
flags.DEFINE_enum(
    "mixed_precision", "none", ["none", "bfloat16", "float16"], "Type of the hidden layers."
)
flags.DEFINE_bool("jit_compile", False, "Compile the training step with XLA.")
flags.DEFINE_integer(
    "steps_per_execution", 1, "Steps that a device makes without asking Python.", lower_bound=1
)
flags.DEFINE_bool("profile", False, "Record where the time of steps 10 to 20 goes, in logs/.")
flags.DEFINE_integer("seed", 0, "Of weights, photos and pairs.")
flags.DEFINE_integer("validation_pairs", 512, "Pairs to validate on.", lower_bound=1)
flags.DEFINE_integer("steps_per_round", 1000, "Steps between validations.", lower_bound=1)
flags.DEFINE_string("output_dir", "runs/homographynet", "Where everything is written.")

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
        raise ValueError(
            f"--image_size must be WIDTH,HEIGHT in pixels; got {','.join(FLAGS.image_size)}."
        ) from None
    return width, height


def _open_data(width, height, cluster):
    """The training batches of this worker, as a function of the first step, and the validation
    batches."""
    from keras_homography import datasets, distortions, photos

    sizes = {"patch_size": FLAGS.patch_size, "rho": FLAGS.rho, "height": height, "width": width}
    if FLAGS.data_service:
        datasets.service_address(FLAGS.data_service)

    def open_source(dataset, part, **options):
        return photos.open_source(
            dataset, part, height, width, FLAGS.patch_size, FLAGS.data_dir, **options
        )

    part = "all" if FLAGS.validation_dataset else "train"
    source = open_source(FLAGS.dataset, part, cache=FLAGS.cache, quick=True)
    validation = None
    if cluster.is_writer:
        part = "all" if FLAGS.validation_dataset else "validation"
        validation = datasets.validation_batches(
            open_source(FLAGS.validation_dataset or FLAGS.dataset, part),
            FLAGS.validation_pairs,
            **sizes,
        )

    def batches(step):
        options = {
            "seed": FLAGS.seed,
            "batch_size": FLAGS.batch_size,
            "pairs_per_image": FLAGS.pairs_per_image,
            "start_step": step,
            "shard": (cluster.task, len(cluster.workers)),
        }
        if FLAGS.make_pairs_on == "device":
            made = datasets.photo_batches(source, **options).prefetch(2)
        else:
            distort = None if FLAGS.distortion == "none" else distortions.make(FLAGS.distortion)
            made = datasets.pair_batches(source, distort=distort, **sizes, **options)
        if FLAGS.data_service:
            job = f"{pathlib.Path(FLAGS.output_dir).absolute()}-{cluster.task}-{step}"
            made = datasets.made_by_service(made, FLAGS.data_service, job)
        return made

    return batches, validation


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


def _initial_weights():
    """The path of `--initial_weights`."""
    shipped = files.resource("saved_models", f"{FLAGS.initial_weights}.keras")
    path = shipped or pathlib.Path(FLAGS.initial_weights)
    if not path.is_file():
        raise ValueError(
            f"--initial_weights={FLAGS.initial_weights}: there is no such .keras file, nor a "
            "shipped model of this name."
        )
    return path


def _build_trainable_model(strategy):
    """The model to train: under the strategy, in the precision asked for, compiled."""
    import keras

    from keras_homography import artifacts, models, optimizers, pairs, training

    keras.utils.set_random_seed(FLAGS.seed)
    policy = "float32" if FLAGS.mixed_precision == "none" else f"mixed_{FLAGS.mixed_precision}"
    with strategy.scope(), training.dtype_policy(policy):
        model = _build_model()
        if FLAGS.initial_weights:
            models.copy_weights(model, artifacts.load_model(_initial_weights()))
        optimizer = optimizers.make(
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
            make_pairs = pairs.maker(FLAGS.seed, FLAGS.patch_size, FLAGS.rho)
        return training.compile_model(
            model,
            optimizer,
            FLAGS.loss,
            FLAGS.rho,
            FLAGS.jit_compile,
            FLAGS.steps_per_execution,
            make_pairs,
        )


def _finish(model, validation, checkpoints, output_dir):
    """Exports the weights of the best round, measures them, and says where everything is."""
    from keras_homography import models, run_report

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
    }
    run_report.write(exported, described, validation, checkpoints, output_dir)


def _join_cluster(resolved, output_dir):
    """The cluster of this run, once all of its workers have met."""
    import tensorflow as tf

    from keras_homography import cluster

    found = cluster.find(FLAGS.workers, FLAGS.task)
    if len(found.workers) > 1:
        print(f"Worker {found.task} of {len(found.workers)} waits for the others.", flush=True)
        newest = tf.train.latest_checkpoint(str(output_dir / "checkpoints" / "last"))
        seen = f"newest checkpoint in --output_dir: {newest and pathlib.Path(newest).name}"
        cluster.meet(found, f"{run_flags.of_all_workers(resolved)}\n{seen}")
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


def main():
    output_dir = pathlib.Path(FLAGS.output_dir)
    resolved = programs.resolved_flags(sys.modules[__name__])
    run_flags.check(output_dir, resolved)
    width, height = _image_size()
    if FLAGS.make_pairs_on == "device" and FLAGS.distortion != "none":
        raise ValueError(
            f"--make_pairs_on=device cannot make --distortion={FLAGS.distortion}: JPEG files are "
            "written by the CPU. Use --make_pairs_on=host, or --distortion=none."
        )

    from keras_homography import callbacks, pairs, training

    pairs.check_sizes(FLAGS.patch_size, FLAGS.rho, height, width)
    cluster = _join_cluster(resolved, output_dir)
    strategy = training.make_strategy(FLAGS.gpus, cluster=cluster)
    if FLAGS.batch_size % strategy.num_replicas_in_sync:
        raise ValueError(
            f"--batch_size={FLAGS.batch_size} must be a multiple of the "
            f"{strategy.num_replicas_in_sync} devices: --gpus={FLAGS.gpus} on each of "
            f"{len(cluster.workers)} machines."
        )
    model = _build_trainable_model(strategy)  # first: a folder of photos can take minutes to read
    batches, validation = _open_data(width, height, cluster)

    output_dir.mkdir(parents=True, exist_ok=True)
    if cluster.is_writer:
        files.write_text(output_dir / "run.flags", resolved)
    checkpoints = callbacks.Checkpoints(model, output_dir, FLAGS.batch_size, cluster.is_writer)
    step = checkpoints.resume()
    print(f"Training {FLAGS.model} on {FLAGS.dataset}: step {step} to {FLAGS.steps}.")
    try:
        training.fit(
            model,
            batches,
            callbacks.Validation(validation, output_dir, FLAGS.rho) if cluster.is_writer else None,
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
        raise ValueError(
            f"The loss is not finite after step {checkpoints.step}; the state of the last round "
            f"is kept in {output_dir / 'checkpoints'}. Try a lower --learning_rate, or "
            "--mixed_precision=none, in another --output_dir."
        ) from None
    except Exception as error:
        if len(cluster.workers) > 1 and type(error).__name__ in _WORKER_LOST:
            _start_again(checkpoints.step > step)
        raise
    if cluster.is_writer:
        _finish(model, validation, checkpoints, output_dir)


if __name__ == "__main__":
    programs.run(main)
