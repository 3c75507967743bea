"""Every field of an experiment, where it is defined and explained, with its default.

The files in `configs/` start from `default_config()` and change only what their experiment needs;
on the command line `--config.model.depth=8` changes any field again. Nothing here imports TensorFlow.
"""

from ml_collections import ConfigDict


def default_config() -> ConfigDict:
    """The common base of all experiments: Truong et al. 2021, section 5.1, on 32×32 images."""
    config = ConfigDict()
    config.seed = 0  # of weights, shuffling, flips, dequantization and samples

    model = config.model = ConfigDict()
    model.levels = 3  # L: squeeze, K steps, split; an image side must be divisible by 2^L
    model.depth = 32  # K: steps of flow in a level
    model.width = 512  # channels of the coupling networks' hidden layers
    model.convolution = "shift"  # of a step: shift (the paper's n×n convolution), conv1x1 (Glow)
    model.shift = "channel"  # α, β of the shift: one a channel (the paper), or one a position
    model.parameterization = "plu"  # of the 1×1 convolution's W: plu, direct
    model.coupling = "affine"  # affine, additive
    model.prior = "standard"  # of the split latents: standard (N(0, I)), learned (Glow)
    model.preprocessing = "logit"  # of pixels in [0, 1): logit (RealNVP), centre (Glow)
    model.backward = "invert"  # how the depth loop is differentiated: store, recompute, invert
    model.precision = "float32"  # float32, float64, or bfloat16 (coupling networks only)

    data = config.data = ConfigDict()
    data.name = "photos"  # photos, cifar10, downsampled_imagenet, imagenet_resized, celeb_a_hq, folder
    data.dir = ""  # tfds' data directory ("": tfds' default), or the folder of images for `folder`
    data.cache_dir = ""  # decoded images are kept here ("": ~/.cache/flowconv)
    data.image_size = 32  # side in pixels; other sizes than the data's own are cropped and resized to it
    data.n_bits = 8  # bits a colour channel is reduced to, 1 to 8
    data.flip = True  # flip training images left-right at random
    data.validation_images = 512  # held out of the training split for model selection

    train = config.train = ConfigDict()
    train.images = 50_000_000  # the budget, in training images over all ranks
    train.batch_size = 64  # images per rank and step
    train.initialization_images = 256  # per rank, for the data-dependent initialization
    train.log_seconds = 10.0  # between progress lines when the output is no terminal
    train.evaluate_images = 1_000_000  # training images between evaluations on the validation split
    train.checkpoint_seconds = 600.0  # between checkpoints
    train.ema_decay = 0.999  # of the moving average of the weights, per step
    train.watchdog_seconds = 300.0  # a step that takes longer ends the job with every thread's stack
    train.jit_compile = "auto"  # compile the step with XLA: auto (on GPUs), on, off

    optimizer = config.optimizer = ConfigDict()
    optimizer.name = "adam"  # adam, adamax
    optimizer.learning_rate = 1e-3  # at its peak; not scaled by the number of ranks
    optimizer.warmup_images = 500_000  # linear warm-up, in training images (Glow: ten epochs of 50,000)
    optimizer.schedule = "constant"  # after the warm-up: constant, cosine (to zero at train.images)
    optimizer.beta_1 = 0.9
    optimizer.beta_2 = 0.999
    optimizer.epsilon = 1e-8
    optimizer.clip_norm = 100.0  # of the global gradient norm (bits/dim); 0 turns it off

    evaluation = config.evaluation = ConfigDict()
    evaluation.batch_size = 64  # per rank
    evaluation.seed = 0  # of the dequantization noise, the same in every evaluation
    evaluation.temperatures = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)  # of the grids of samples
    evaluation.samples = 16  # images a grid
    return config
