"""What Prometheus adds to the runs of the example history."""

from dashboards.example.history import History
from dashboards.example.target import Target
from simulation.clock import BEGIN, Clock
from traingauge.core.families import Family, Identity, single


def test_a_scrape_lasts_as_long_as_the_run_takes_to_answer_and_has_all_of_its_samples():
    target, clock, history = Target(Identity("m", "r")), Clock(BEGIN), History()

    def slow() -> list[Family]:
        clock.move(60.0)
        return [single("model_warmup_steps", 1.0), single("model_learning_rate", 0.1)]

    with clock.installed():
        target.read(slow, "i")
    history.take(target, BEGIN)
    added = {
        name: [float(line.split()[1]) for line in history.lines[f"# TYPE {name} unknown\n"]]
        for name in ("up", "scrape_samples_scraped", "scrape_duration_seconds")
    }
    assert (added["up"], added["scrape_samples_scraped"]) == ([1], [2])
    (seconds,) = added["scrape_duration_seconds"]
    assert 30 < seconds < 90, "besides what this machine takes"


def test_a_scrape_that_failed_has_neither_duration_nor_samples():
    target, history = Target(Identity("m", "r")), History()
    target.down("i")
    history.take(target, BEGIN)
    assert [header.split()[2] for header, lines in history.lines.items() if lines] == ["up"]
