"""The additive coupling."""

from flowconv.bijectors.bijector import per_example
from flowconv.bijectors.coupling import Coupling


class AdditiveCoupling(Coupling):
    """y_a = x_a + t(x_b), y_b = x_b (NICE, Dinh et al. 2015).

    Inverse: x_a = y_a − t(y_b). Volume-preserving: the log-determinant is 0.
    """

    parameters_per_number = 1

    def transform(self, x_a, parameters):
        return x_a + parameters, per_example(0.0, x_a)

    def invert(self, y_a, parameters):
        return y_a - parameters, per_example(0.0, y_a)
