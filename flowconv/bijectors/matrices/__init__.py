"""Parameterizations of the 1×1 convolution's matrix, one a file."""

from flowconv.bijectors.matrices.direct import DirectMatrix
from flowconv.bijectors.matrices.matrix import SquareMatrix
from flowconv.bijectors.matrices.orthogonal import OrthogonalMatrix
from flowconv.bijectors.matrices.plu import PLUMatrix
from flowconv.bijectors.matrices.qr import QRMatrix

MATRICES: dict[str, type[SquareMatrix]] = {
    "plu": PLUMatrix,
    "direct": DirectMatrix,
    "qr": QRMatrix,
    "orthogonal": OrthogonalMatrix,
}
