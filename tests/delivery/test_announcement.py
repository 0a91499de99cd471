"""What a run announces of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from traingauge.core.families import Identity
from traingauge.delivery.announcement import LONGEST_REGISTRATION, Announcement
from traingauge.errors import TrainGaugeError
from traingauge.validation import LABEL_LENGTH, MOST_LABELS, NAME_LENGTH

RUN = Announcement(
    Identity("m", "r", (("team", "vision"),)), "node:9109", "https", ended="failed", serves=False
)


def registration(**others: Any) -> bytes:
    return json.dumps({**json.loads(RUN.registration()), **others}).encode()


def test_a_run_is_read_as_it_was_sent() -> None:
    assert Announcement.registered(RUN.registration()) == RUN


def test_the_longest_registration_is_taken() -> None:
    name, widest = "\N{GRINNING FACE}" * NAME_LENGTH, "\N{GRINNING FACE}" * NAME_LENGTH
    labels = tuple((f"l{at}".ljust(LABEL_LENGTH, "x"), widest) for at in range(MOST_LABELS))
    run = Announcement(Identity(name, name, labels), f"{'h' * 253}:65535", "https", ended="interrupted")
    assert len(run.registration()) < LONGEST_REGISTRATION
    assert Announcement.registered(run.registration()) == run


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 10_000,
        b'{"a":' + b"9" * 5000 + b"}",
        registration(extra=1),
        registration(model=""),
        registration(model=7),
        registration(run="a\nb"),
        registration(run="\ud800"),
        registration(run="x" * 201),
        registration(labels=[]),
        registration(labels={"team": 1}),
        registration(labels={f"l{at}": "x" for at in range(10_000)}),
        *(
            registration(labels={name: "x"})
            for name in (
                *(
                    "__address__",
                    "__param_target",
                    "__metrics_path__",
                    "__scheme__",
                    "job",
                    "instance",
                    "run",
                ),
                *("model", "exported_run", "alertname", "severity", "namespace", "ended", "a b", "ä"),
            )
        ),
        *(
            registration(address=address)
            for address in (
                *(
                    "",
                    "node",
                    "node:0",
                    "node:65536",
                    "node:x",
                    "http://node:1",
                    "node:1/x",
                    "node:1?x",
                    "u@node:1",
                ),
                *(
                    "[::1]",
                    "::1:9",
                    "node:\N{ARABIC-INDIC DIGIT ONE}",
                    "node:" + "9" * 5000,
                    9,
                    None,
                    ["node:1"],
                ),
            )
        ),
        registration(scheme="file"),
        registration(scheme=None),
        registration(ended="gone"),
        registration(ended="running"),
        registration(ended=None),
        registration(ended=[]),
        registration(serves=1),
        registration(serves=False, ended=""),
    ],
)
def test_what_no_run_could_have_sent_is_refused(body: bytes) -> None:
    with pytest.raises(TrainGaugeError):
        Announcement.registered(body)
