"""The flags of `train`."""

from absl import flags

flags.DEFINE_string(
    "dataset",
    "coco/2017",
    "TFDS name, folder of photos (searched recursively), or 'synthetic'. With --loss=photometric a "
    "folder or file holds pairs to learn from as they are: frames, a video, or a folder of folders "
    "with two images each.",
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
flags.DEFINE_bool(
    "trust_model", False, "Open --initial_weights whatever that file holds and wherever it is from."
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
    ["corner", "l2", "huber", "cross_entropy", "photometric"],
    "What to minimize; 'cross_entropy' is for homographynet_classifier, 'photometric' needs no "
    "labels.",
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
    "mixed_precision",
    "none",
    ["none", "auto", "bfloat16", "float16"],
    "Type of the hidden layers; 'auto' is bfloat16 where the device computes in it.",
)
flags.DEFINE_bool("jit_compile", False, "Compile the training step with XLA.")
flags.DEFINE_integer(
    "steps_per_execution", 1, "Steps that a device makes without asking Python.", lower_bound=1
)
flags.DEFINE_bool("profile", False, "Record where the time of steps 10 to 20 goes, in logs/.")
flags.DEFINE_bool(
    "deterministic",
    False,
    "Only operators that add up in one order, so that a run gives the same weights bit for bit.",
)
flags.DEFINE_integer("seed", 0, "Of weights, photos and pairs.")
flags.DEFINE_integer("validation_pairs", 512, "Pairs to validate on.", lower_bound=1)
flags.DEFINE_integer("steps_per_round", 1000, "Steps between validations.", lower_bound=1)
flags.DEFINE_string("output_dir", "runs/homographynet", "Where everything is written.")
