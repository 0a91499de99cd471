"""Why a panel may be empty, where several panels share the reason."""

NO_REFERENCE = "the run has no reference to compare its data with."
NO_CLASSES = "the run gives no class predictions (regression, or loss alone)."
TOO_FEW_STEPS = "the run has not taken enough steps to be judged."
ALL_FINITE = "every value was finite, which is how it should be."
