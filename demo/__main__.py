"""The whole product at work on real servers and real data: ``python -m demo``, or ``make demo``.

A small network trains on real images while a real Prometheus scrapes it, the shipped rules judge it, and a real Alertmanager
tells. Three faults are brought in, one after another. The exit code is 1 if an alert did not come or did not resolve, if one
came that nothing explains, or if the clean end was told as trouble.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import TYPE_CHECKING

from traingauge.stack.errors import StackError
from traingauge.stack.pace import Pace, at_a_pace_that_holds
from traingauge.stack.programs import GRAFANA_ADVICE, find_programs
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

if TYPE_CHECKING:
    from demo.report import Report

#: Every waiting time of the shipped rules is divided by this, and nothing else of them is changed. The demo starts
#: again with a smaller factor on a machine that is too busy for it.
PACE = Pace(30.0)

#: Seconds after the end of the run in which nothing may page, before they are divided: longer than any rule about lost runs
#: waits.
QUIET = 450.0

#: More epochs than the story takes; it stops training itself.
EPOCHS = 100_000


def main() -> int:
    """Run the demo; the exit code says whether all went as it should."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="See traingauge at work on real servers."
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the servers running at the end, until Ctrl-C"
    )
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded, which greets at length
    try:
        passed = at_a_pace_that_holds(lambda pace: _show(pace, keep=options.keep), PACE)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: all servers are stopped", file=sys.stderr)
        return 130
    return 0 if passed else 1


def _show(pace: Pace, *, keep: bool) -> bool:
    """Tell the whole story at a pace; says whether all went as it should.

    Raises:
        PaceLostError: The machine was too busy for the pace.
    """
    from demo.report import Report

    report = Report()
    with (
        WebhookReceiver(report.receive) as receiver,
        Stack(webhook_url=receiver.url, pace=pace, programs=find_programs(), with_grafana=keep) as stack,
    ):
        _introduce(stack)
        _train(report, stack)
        seconds = QUIET / pace.factor
        report.say(f"the run has ended; nothing may page for {seconds:g} s")
        stack.wait_for(stack.evaluated_for(seconds), "a quiet end", timeout=seconds)
        stack.check_pace()
        passed = _conclude(report)
        if keep:
            _keep(stack)
    return passed


def _introduce(stack: Stack) -> None:
    if stack.pace != PACE:
        print("\nThis machine is too busy for that pace: the demo starts again at half of it.")
    print(
        f"Prometheus {stack.programs.prometheus.version} at {stack.prometheus_url}, "
        f"Alertmanager {stack.programs.alertmanager.version} at {stack.alertmanager_url}\n"
        f"They run the shipped files with every waiting time divided by {stack.pace.factor:g} and nothing else changed: "
        f"`for: 5m` waits {300 / stack.pace.factor:g} s here.\n",
        flush=True,
    )


def _train(report: Report, stack: Stack) -> None:
    from demo import digits
    from demo.faults import all_faults
    from demo.story import Storyteller
    from traingauge import Endpoint, ModelMonitor, Reference

    train, validation, test = digits.load()
    pixels = [f"pixel_{row}_{column}" for row in range(digits.SIDE) for column in range(digits.SIDE)]
    model, pipeline = digits.make_model(), digits.Pipeline(train)
    with ModelMonitor(
        model,
        thresholds={"accuracy": 0.9, "recall": 0.9},
        reference=Reference.from_data(train.images, feature_names=pixels),
        delivery=[Endpoint(discovery_dir=stack.discovery_dir)],
    ) as monitor:
        report.say(f"training {model.name} on {len(train.labels)} digits; it serves {monitor.url}/metrics")
        storyteller = Storyteller(monitor, all_faults(pipeline, model), report, stack)
        monitor.fit(
            pipeline,
            epochs=EPOCHS,
            validation_data=validation,
            test_data=test,
            callbacks=[storyteller],
            verbose=0,
        )
        report.say(f"test accuracy {monitor.history['test_accuracy'][-1]:.3f}")


def _conclude(report: Report) -> bool:
    print(f"\n{report.table()}\n")
    untold = [episode.fault for episode in report.episodes if not episode.over()]
    for fault in untold:
        print(f"FAILED: {fault.alert} ({fault.cause}) did not arrive, or did not resolve")
    for alert in report.unexpected:
        print(f"FAILED: unexpected alert {dict(alert.labels)}")
    if not untold and not report.unexpected:
        print("All alerts arrived and resolved, nothing else paged, and the clean end was quiet.")
    return bool(report.episodes) and not untold and not report.unexpected


def _keep(stack: Stack) -> None:
    print(f"\nPrometheus    {stack.prometheus_url}\nAlertmanager  {stack.alertmanager_url}")
    print(f"Grafana       {stack.grafana_url or GRAFANA_ADVICE}")
    print("Left running with what the demo recorded; Ctrl-C stops everything.", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
