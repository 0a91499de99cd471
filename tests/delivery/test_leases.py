"""The runs that registered with a service."""

from __future__ import annotations

import json
import os
import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from traingauge.core.families import Identity
from traingauge.delivery import leases as module
from traingauge.delivery.announcement import LEASE_SECONDS, Announcement
from traingauge.delivery.leases import ALIVE_SECONDS, SETTLE_SECONDS, FullError, Leases, TakenError
from traingauge.delivery.notes import Notes
from traingauge.errors import InvalidArgumentError

A, B = "/runs/a", "/runs/b"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def registration(
    run: str = "r", address: str = "10.0.0.1:9109", *, ended: str = "", serves: bool = True
) -> bytes:
    return Announcement(Identity("m", run), address, ended=ended, serves=serves).registration()


def listed(leases: Leases) -> list[tuple[str, str]]:
    """Address and run of each target."""
    groups = json.loads(b"[%s]" % leases.text)
    return [(group["targets"][0], group["labels"]["run"]) for group in groups]


def test_a_run_that_renews_its_lease_stays_and_one_that_does_not_goes_with_its_end() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    leases.renew(A, registration("kept"), "10.0.0.1")
    leases.renew(B, registration("gone"), "10.0.0.1")
    clock.now += LEASE_SECONDS - 1
    leases.renew(A, registration("kept"), "10.0.0.1")
    leases.expire()
    assert listed(leases) == [("10.0.0.1:9109", "kept"), ("10.0.0.1:9109", "gone")]
    clock.now += 2
    leases.expire()
    assert listed(leases) == [("10.0.0.1:9109", "kept")]


def test_a_run_counts_as_registered_only_while_it_renews_its_lease() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    assert not leases.consider(registration(), "10.0.0.1")
    leases.renew(A, registration(), "10.0.0.1")
    assert leases.consider(registration(), "10.0.0.1")
    clock.now += ALIVE_SECONDS
    assert not leases.consider(registration(), "10.0.0.1")


def test_the_end_of_a_run_is_a_target_of_its_own_and_then_the_only_one() -> None:
    leases = Leases()
    leases.renew(A, registration(), "10.0.0.1")
    leases.renew(A, registration(ended="failed"), "10.0.0.1")
    found = json.loads(b"[%s]" % leases.text)
    assert [group["labels"].get("ended") for group in found] == [None, "failed"]
    leases.renew(A, registration(ended="failed", serves=False), "10.0.0.1")
    assert json.loads(b"[%s]" % leases.text) == found[1:]
    leases.end(A)
    assert leases.text == b""


def test_of_a_run_that_was_killed_after_it_had_noted_its_end_that_alone_remains() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    leases.renew(A, registration(ended="interrupted"), "10.0.0.1")
    note = json.loads(b"[%s]" % leases.text)[1:]
    clock.now += ALIVE_SECONDS - 1
    leases.expire()
    assert len(listed(leases)) == 2, "it may still answer"
    clock.now += 2
    leases.expire()
    assert json.loads(b"[%s]" % leases.text) == note
    leases.renew(A, registration(ended="interrupted"), "10.0.0.1")
    assert len(listed(leases)) == 2, "it does answer"
    clock.now += ALIVE_SECONDS + 1
    leases.expire()
    clock.now += LEASE_SECONDS - ALIVE_SECONDS
    leases.expire()
    assert listed(leases) == []


def test_live_runs_have_time_to_register_again_after_the_start() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    assert leases.settling == SETTLE_SECONDS
    clock.now += SETTLE_SECONDS
    assert leases.settling == 0


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.2:9109", "10.0.0.1"),
        ("169.254.169.254:80", "10.0.0.1"),
        ("127.0.0.1:9090", "10.0.0.1"),
        ("[::1]:9090", "10.0.0.1"),
        ("localhost:9090", "10.0.0.1"),
        ("0.0.0.0:9090", "127.0.0.1"),
        ("[::]:9090", "127.0.0.1"),
        ("10.255.255.1:9109", "127.0.0.1"),
        ("no-such-host.invalid:9109", "10.0.0.1"),
        ("2130706433:9109", "10.0.0.1"),
        (f"{'a' * 64}.test:9109", "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("networks", [[], [ip_network("192.168.0.0/16")]])
def test_an_address_that_is_not_the_clients_own_is_refused(
    address: str, client: str, networks: list[module.Network]
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"is not an address of"):
        Leases(networks).renew(A, registration(address=address), client)


@pytest.mark.parametrize("address", ["127.0.0.1:9090", "169.254.169.254:80", "[::1]:9090"])
def test_a_network_in_which_runs_may_serve_leads_to_no_loopback_and_to_no_address_of_a_link(
    address: str,
) -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    with pytest.raises(InvalidArgumentError):
        Leases(everything).renew(A, registration(address=address), "10.0.0.1")


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.1:9109", "10.0.0.1"),
        ("10.0.0.1:9109", "::ffff:10.0.0.1"),
        ("[fd00::1]:9109", "fd00::1%eth0"),
        ("localhost:9109", "127.0.0.1"),
        ("192.168.7.7:9109", "10.0.0.1"),
    ],
)
def test_an_address_of_the_client_or_of_a_network_in_which_runs_may_serve_is_taken(
    address: str, client: str
) -> None:
    leases = Leases([ip_network("192.168.0.0/16")])
    leases.renew(A, registration(address=address), client)
    assert listed(leases) == [(address, "r")]


def test_another_machine_cannot_take_the_name_of_a_live_run() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    leases.renew(A, registration(), "10.0.0.1")
    clock.now += ALIVE_SECONDS - 1
    with pytest.raises(TakenError):
        leases.renew(B, registration(address="10.0.0.2:9109"), "10.0.0.2")
    assert listed(leases) == [("10.0.0.1:9109", "r")]
    clock.now += 1  # a run that was killed continues elsewhere
    leases.renew(B, registration(address="10.0.0.2:9109"), "10.0.0.2")
    assert listed(leases) == [("10.0.0.2:9109", "r")]


def test_a_lease_cannot_be_turned_into_one_of_another_run() -> None:
    leases = Leases()
    leases.renew(A, registration("r1"), "10.0.0.1")
    with pytest.raises(TakenError):
        leases.renew(A, registration("r2"), "10.0.0.1")
    assert listed(leases) == [("10.0.0.1:9109", "r1")]


def test_processes_of_a_run_on_one_host_are_all_listed_until_each_of_them_ends() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    both = [("10.0.0.1:9109", "r"), ("10.0.0.1:9200", "r")]
    for _ in range(3):
        leases.renew(A, registration(), "10.0.0.1")
        leases.renew(B, registration(address="10.0.0.1:9200"), "10.0.0.1")
        assert listed(leases) == both
        clock.now += ALIVE_SECONDS / 2
    leases.renew(B, registration(address="10.0.0.1:9200", ended="finished", serves=False), "10.0.0.1")
    assert listed(leases) == both, "the end is noted"
    leases.end(B)
    assert listed(leases) == both[:1]


def test_another_machine_takes_no_name_of_which_one_of_several_processes_is_alive() -> None:
    leases = Leases()
    leases.renew(A, registration(), "10.0.0.1")
    leases.renew(B, registration(address="10.0.0.1:9200"), "10.0.0.1")
    leases.renew(B, registration(address="10.0.0.1:9200", ended="finished", serves=False), "10.0.0.1")
    with pytest.raises(TakenError):
        leases.renew("/runs/c", registration(address="10.0.0.2:9109"), "10.0.0.2")
    leases.renew(A, registration(), "10.0.0.1")
    assert ("10.0.0.1:9109", "r") in listed(leases)


@pytest.mark.parametrize("address", ["10.0.0.1:9109", "10.0.0.1:9200"])
def test_a_run_that_starts_again_on_its_machine_takes_the_place_of_a_process_that_no_longer_answers(
    address: str,
) -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    leases.renew(A, registration(), "10.0.0.1")
    clock.now += 0 if address == "10.0.0.1:9109" else ALIVE_SECONDS
    leases.renew(B, registration(address=address), "10.0.0.1")
    assert listed(leases) == [(address, "r")]


def test_a_new_process_of_a_run_takes_the_place_of_the_note_on_an_earlier_end() -> None:
    leases = Leases()
    leases.renew(A, registration(ended="interrupted", serves=False), "10.0.0.1")
    leases.renew(B, registration(address="10.0.0.1:9200"), "10.0.0.1")
    assert listed(leases) == [("10.0.0.1:9200", "r")]


def test_the_end_of_a_process_whose_run_continues_elsewhere_is_not_listed() -> None:
    leases = Leases()
    leases.renew(A, registration(ended="interrupted"), "10.0.0.1")
    leases.renew(B, registration(address="10.0.0.2:9109"), "10.0.0.2")
    assert len(listed(leases)) == 3, "it still answers, for the scrape that sees its end"
    leases.renew(A, registration(ended="interrupted", serves=False), "10.0.0.1")
    assert listed(leases) == [("10.0.0.2:9109", "r")]


def test_a_run_that_has_ended_leaves_its_name_to_any_machine() -> None:
    leases = Leases()
    leases.renew(A, registration(ended="interrupted", serves=False), "10.0.0.1")
    leases.renew(B, registration(address="10.0.0.2:9109"), "10.0.0.2")
    assert listed(leases) == [("10.0.0.2:9109", "r")]


def test_runs_beyond_a_bound_are_refused_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LEASES", 2)
    leases = Leases()
    for run in ("r1", "r2"):
        leases.renew(f"/runs/{run}", registration(run), "10.0.0.1")
    with pytest.raises(FullError):
        leases.renew("/runs/r3", registration("r3"), "10.0.0.1")
    leases.renew("/runs/r1", registration("r1", ended="finished"), "10.0.0.1")
    assert {run for _, run in listed(leases)} == {"r1", "r2"}


# Ends that no scrape has seen


ENDED = registration(ended="finished", serves=False)


def test_an_end_that_no_scrape_has_seen_survives_a_restart_of_the_service_for_its_hour(
    tmp_path: Path,
) -> None:
    leases = Leases(notes=Notes(tmp_path / "notes"))
    leases.renew("live", registration("live"), "10.0.0.1")
    leases.renew("key", registration(), "10.0.0.1")
    leases.renew("key", ENDED, "10.0.0.1")
    clock = Clock()
    restarted = Leases(clock=clock, notes=Notes(tmp_path / "notes"))
    assert [group["labels"]["ended"] for group in json.loads(b"[%s]" % restarted.text)] == ["finished"]
    clock.now += LEASE_SECONDS + 1
    restarted.expire()
    assert listed(restarted) == listed(Leases(notes=Notes(tmp_path / "notes"))) == []


@pytest.mark.parametrize("seen", [True, False])
def test_an_end_is_forgotten_once_it_was_seen_or_its_run_has_started_again(
    tmp_path: Path, seen: bool
) -> None:
    Leases(notes=Notes(tmp_path / "notes")).renew("key", ENDED, "10.0.0.1")
    leases = Leases(notes=Notes(tmp_path / "notes"))
    if seen:
        leases.end("key")
    else:
        leases.renew("again", registration(address="10.0.0.2:9109"), "10.0.0.2")
    assert listed(Leases(notes=Notes(tmp_path / "notes"))) == []


@pytest.mark.parametrize(
    ("body", "age"), [(ENDED, LEASE_SECONDS + 60), (registration(), 0.0), (b"damaged", 0.0)]
)
def test_what_is_no_end_of_the_last_hour_is_not_restored_and_removed(
    tmp_path: Path, body: bytes, age: float
) -> None:
    (tmp_path / "key").write_bytes(body)
    os.utime(tmp_path / "key", (time.time() - age,) * 2)
    assert listed(Leases(notes=Notes(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_an_end_that_cannot_be_kept_is_listed(tmp_path: Path) -> None:
    leases = Leases(notes=Notes(tmp_path / "gone" / "notes"))
    with pytest.raises(FileNotFoundError):
        leases.renew("key", ENDED, "10.0.0.1")
    assert listed(leases) == [("10.0.0.1:9109", "r")]
