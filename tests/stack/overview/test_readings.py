"""Which of several processes of a run speaks for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from traingauge.catalog import RUN_STATES
from traingauge.stack.overview.readings import LAST_SCRAPED, Run, runs
from traingauge.stack.prometheus import Sample


@dataclass
class Process:
    """What Prometheus has of one process of the run."""

    started: float
    state: str
    steps: float
    loss: Mapping[str, float] = field(default_factory=dict)
    answers: bool = True
    instance: str = ""
    noted: str = ""
    scraped: float = 0.0


class Prometheus:
    """Answers what the page asks."""

    def __init__(self, processes: Collection[Process]) -> None:
        self._samples: list[tuple[str, Sample, bool]] = []
        for number, process in enumerate(processes):
            self._add(process, number, "run_start_timestamp_seconds", process.started)
            self._add(process, number, "steps_total", process.steps, split="train")
            for state in RUN_STATES:
                self._add(process, number, "run_state", float(state == process.state), state=state)
            for split, loss in process.loss.items():
                self._add(process, number, "loss", loss, split=split)

            self._add(
                process, number, "up", process.scraped, **({"ended": process.noted} if process.noted else {})
            )

    def _add(self, process: Process, number: int, metric: str, value: float, **labels: str) -> None:
        name = {"model": "digits", "run": "r1", "instance": process.instance or str(number)}
        self._samples.append((metric, Sample(name | labels, value), process.answers))

    def query(self, expression: str) -> list[Sample]:
        return [
            sample
            for metric, sample, answers in self._samples
            if expression.startswith(f'last_over_time(model_{metric}{{output=""}}[')
            or (expression == f"model_{metric}" and answers)
            or (expression == LAST_SCRAPED and metric == "up")
        ]

    def alerts(self, _: str) -> list[Any]:
        return []


def the_run(*processes: Process) -> Run:
    (run,) = runs(Prometheus(processes))  # type: ignore[arg-type]
    return run


def test_a_run_trains_although_an_evaluation_of_it_has_finished() -> None:
    run = the_run(
        Process(100, "running", 5000, {"train": 0.5}), Process(200, "finished", 0, {"validation": 0.9})
    )
    assert (run.state, run.started, run.step) == ("running", 100, 5000)
    assert run.loss == {"train": 0.5, "validation": 0.9}


def test_a_run_trains_although_another_process_of_it_was_killed() -> None:
    run = the_run(Process(100, "running", 5000), Process(200, "running", 7, answers=False))
    assert (run.state, run.step) == ("running", 5000)


def test_a_process_that_was_killed_does_not_run_although_another_still_answers() -> None:
    run = the_run(Process(100, "finished", 5000), Process(200, "running", 7, answers=False))
    assert (run.state, run.step) == ("gone", 7)


def test_a_training_that_failed_has_failed_although_an_evaluation_of_it_has_finished() -> None:
    run = the_run(Process(100, "failed", 5000, answers=False), Process(200, "finished", 0))
    assert run.state == "failed"


def test_a_run_that_was_started_again_is_what_its_new_process_says() -> None:
    old = Process(100, "failed", 5000, {"train": 0.5, "validation": 0.25}, answers=False)
    assert the_run(old, Process(200, "running", 0)).state == "running"
    again = the_run(old, Process(200, "finished", 9, {"train": 2.0}))
    assert (again.state, again.step, again.loss) == ("finished", 9, {"train": 2.0})


def test_a_run_whose_end_no_scrape_saw_ended_as_its_note_says() -> None:
    for state in ("finished", "failed", "interrupted"):
        for answers in (
            True,
            False,
        ):  # what was scraped before an outage of Prometheus counts for five minutes
            assert the_run(Process(100, "running", 5000, answers=answers, noted=state)).state == state


def test_a_process_at_the_address_of_one_that_left_a_note_is_what_it_says_itself() -> None:
    noted = Process(100, "running", 5000, instance="a", noted="finished", scraped=300)
    assert the_run(noted, Process(400, "running", 7, instance="a", scraped=500)).state == "running"
    killed = Process(400, "running", 7, instance="a", scraped=500, answers=False)
    assert the_run(replace(noted, answers=False), killed).state == "gone"
    assert the_run(killed, replace(noted, answers=False)).state == "gone"
