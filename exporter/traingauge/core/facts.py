"""What a person wants to know of a run at a glance."""

from __future__ import annotations

import time

from traingauge.core.families import Identity
from traingauge.core.recorder import Recorder


def facts(identity: Identity, recorder: Recorder) -> dict[str, str]:
    """The run's name, state, progress and model, as plain text by heading."""
    run, planned, steps = recorder.run, recorder.progress.steps_planned, recorder.reader.steps_taken()
    return {
        "Model": identity.model,
        "Run": identity.run,
        "State": run.state,
        "Began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(run.started)),
        "Training steps": f"{steps} of {planned}" if planned else str(steps),
        "Last loss": f"{recorder.reader.last_loss():.6g}",
        **{
            name.replace("_", " ").capitalize(): value
            for name, value in (*identity.labels, *run.info.items())
        },
        **recorder.model_info.facts,
    }
