"""Checks before a run: of what it needs, and of what its workers must have in common."""

from flowconv.preflight.agreement import check_consistency, check_same_values, check_same_variables
from flowconv.preflight.checks import Check, require_checks, run_checks

__all__ = ["Check", "check_consistency", "check_same_values", "check_same_variables", "require_checks", "run_checks"]
