"""Largest condition number of a matrix."""

from flowconv.evaluation.conditioning import max_condition_number
from flowconv.evaluation.metric import Metric
from flowconv.utils.progress_bar import working


class MaxConditionNumber(Metric):
    """The largest condition number of any matrix in any step; 1 of a flow without matrices."""

    names = {"test": "max_condition_number"}
    title, format = "max condition number of a matrix", ".3g"
    better = "lower"
    order = 22
    heading = "condition number"

    def compute(self, measured):
        with working("condition numbers", measured.evaluator.is_root):
            return max_condition_number(measured.flow)
