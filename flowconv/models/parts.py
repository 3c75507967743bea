"""What the models have in common."""

from flowconv.bijectors import AdditiveCoupling, AffineCoupling, Bijector, Centre, Logit
from flowconv.bijectors.partitions import Partition

NETWORK_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "mixed_bfloat16"}
FLOW_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
COUPLINGS = {"affine": AffineCoupling, "additive": AdditiveCoupling}
PREPROCESSINGS = {"logit": Logit, "centre": Centre}


def build_coupling(
    name: str, width: int, precision: str, partition: Partition | None = None, layer_name: str = "coupling"
) -> Bijector:
    """Returns a coupling, whose network computes in `precision`; arguments as `flowconv.configuration` has them."""
    network_dtype, dtype = NETWORK_DTYPES[precision], FLOW_DTYPES[precision]
    return COUPLINGS[name](width, partition=partition, network_dtype=network_dtype, dtype=dtype, name=layer_name)


def build_preprocessing(name: str, precision: str) -> Bijector:
    """Returns what comes between pixels in [0, 1) and the flow."""
    return PREPROCESSINGS[name](dtype=FLOW_DTYPES[precision])
