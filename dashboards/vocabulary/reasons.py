"""Why a panel may be empty."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a panel may be empty.

    Attributes:
        why: For its description: a sentence without its capital.
        short: What it says in place of values, and of a line without a value in its legend.
    """

    why: str
    short: str

    def or_(self, why: str, short: str = "") -> Reason:
        """This reason or another one."""
        return Reason(f"{self.why.removesuffix('.')}, or {why}", short or self.short)


NO_RUN = Reason("there is no run in the time range.", "no run")
NO_REFERENCE = Reason("the run has no drift reference.", "no drift reference")
NO_PREDICTIONS = Reason("the reference holds no predictions.", "none in the reference")
NO_LABELS = Reason("the reference holds no labels.", "none in the reference")
NO_CLASSES = Reason(
    "the run reports no class predictions (a regression, or loss alone).", "no class predictions"
)
NO_REGRESSION = Reason("the run is not a regression.", "not a regression")
TOO_FEW_STEPS = Reason("the run has not taken enough steps for a diagnosis.", "too few steps yet")
ALL_FINITE = Reason("every value was finite, as it should be.", "none")
NO_ALARM = Reason("no detector raised an alarm, as it should be.", "none")
