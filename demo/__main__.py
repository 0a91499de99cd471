"""The whole product at work on real servers and real data: ``python -m demo``, or ``make demo``.

A small network trains on real images while a real Prometheus scrapes it and evaluates the shipped rules, and a real
Alertmanager notifies. Three faults follow one another. The exit code is 1 if an alert did not arrive or did not resolve, if
an alert arrived that no fault explains, or if the clean end raised one.
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

#: Every waiting time of the shipped rules is divided by this; nothing else in them changes. On a machine that is too busy
#: for it, the demo starts again with a smaller factor.
PACE = Pace(30.0)

#: Seconds after the end of the run in which no alert may fire, before division: longer than any rule about lost runs waits.
QUIET = 450.0

#: More epochs than the story takes; it stops training at its end.
EPOCHS = 100_000


def main() -> int:
    """Run the demo; the exit code is 0 if every alert arrived and resolved."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="See traingauge at work on real servers."
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the servers running at the end, until Ctrl-C"
    )
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded, which logs at length
    try:
        passed = at_a_pace_that_holds(lambda pace: _show(pace, keep=options.keep), PACE)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: all servers have stopped", file=sys.stderr)
        return 130
    return 0 if passed else 1


def _show(pace: Pace, *, keep: bool) -> bool:
    """Run the whole story at a pace; returns whether every alert arrived and resolved.

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
        report.say(f"the run has ended; no alert may fire for {seconds:g} s")
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
        f"Both run the shipped configuration. Only its waiting times are divided by {stack.pace.factor:g}: "
        f"`for: 5m` waits {300 / stack.pace.factor:g} s.\n",
        flush=True,
    )


def _train(report: Report, stack: Stack) -> None:
    from demo import digits
    from demo.faults import all_faults
    from demo.story import Storyteller
    from traingauge import Endpoint, ModelMonitor, Reference

    train, validation, test = digits.splits()
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
    missing = [episode.fault for episode in report.episodes if not episode.over()]
    for fault in missing:
        print(f"FAILED: {fault.alert} did not arrive or did not resolve ({fault.cause})")
    for alert in report.unexpected:
        print(f"FAILED: unexpected alert {dict(alert.labels)}")
    if not missing and not report.unexpected:
        print("Every alert arrived and resolved, no other alert fired, and the clean end raised none.")
    return bool(report.episodes) and not missing and not report.unexpected


def _keep(stack: Stack) -> None:
    print(f"\nPrometheus    {stack.prometheus_url}\nAlertmanager  {stack.alertmanager_url}")
    print(f"Grafana       {stack.grafana_url or GRAFANA_ADVICE}")
    print("The servers keep running with the data of the demo; Ctrl-C stops them.", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
