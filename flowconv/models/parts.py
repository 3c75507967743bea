"""What the models have in common."""

from collections.abc import Callable

from flowconv.bijectors import AdditiveCoupling, AffineCoupling, Bijector, Centre, Logit, Split
from flowconv.bijectors.inputs import choice
from flowconv.bijectors.partitions import Partition
from flowconv.models.flow import Flow

NETWORK_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "mixed_bfloat16"}
FLOW_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
COUPLINGS = {"affine": AffineCoupling, "additive": AdditiveCoupling}
PREPROCESSINGS = {"logit": Logit, "centre": Centre}


def flow_dtype(precision: str) -> str:
    """Returns the dtype of all of a flow but its networks."""
    return choice(FLOW_DTYPES, precision, "precision")


def build_coupling(
    name: str, width: int, precision: str, partition: Partition | None = None, layer_name: str = "coupling"
) -> Bijector:
    """Returns a coupling, whose network computes in `precision`; arguments as `flowconv.configuration` has them."""
    make, dtype = choice(COUPLINGS, name, "coupling"), flow_dtype(precision)
    network_dtype = NETWORK_DTYPES[precision]
    return make(width, partition=partition, network_dtype=network_dtype, dtype=dtype, name=layer_name)


def build_preprocessing(name: str, precision: str) -> Bijector:
    """Returns what comes between pixels in [0, 1) and the flow."""
    return choice(PREPROCESSINGS, name, "preprocessing")(dtype=flow_dtype(precision))


def build_multiscale(
    level: Callable[[int], Bijector],
    levels: int,
    *,
    prior: str,
    preprocessing: str,
    precision: str,
    image_shape: tuple[int, int, int],
    n_bits: int,
    name: str,
) -> Flow:
    """Returns the flow of level(1), …, level(L), with a split between each two (Dinh et al. 2017, section 3.6)."""
    dtype = flow_dtype(precision)
    return Flow(
        build_preprocessing(preprocessing, precision),
        [level(number) for number in range(1, levels + 1)],
        [Split(prior, dtype=dtype, name=f"split_{number}") for number in range(1, levels)],
        image_shape,
        n_bits,
        dtype=dtype,
        name=name,
    )
