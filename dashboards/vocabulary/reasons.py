"""Why a panel may be empty, where several panels share the reason."""

NO_REFERENCE = "the run has no drift reference."
NO_CLASSES = "the run reports no class predictions (a regression, or loss alone)."
TOO_FEW_STEPS = "the run has not taken enough steps for a diagnosis."
ALL_FINITE = "every value was finite, as it should be."
