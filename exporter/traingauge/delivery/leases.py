"""The runs that registered with a service, each for as long as its lease holds.

Each process has a lease of its own: several on one host may have the same model and run, as one that trains and one that
evaluates. A new one takes the place of those of its run that no longer answer.

They are kept in memory, and ends that a scrape may not have seen in files, too: a run that has ended cannot register again.
A service that has just started does not know yet which other runs there are, so it is *settling* until each of them had time
to register again, and answers no list meanwhile: Prometheus keeps the one that it has.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice

from traingauge.delivery.announcement import LEASE_SECONDS, RENEW_SECONDS, Announcement
from traingauge.delivery.notes import Notes
from traingauge.errors import InvalidArgumentError, TrainGaugeError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Seconds in which each live run registers again, whatever it waits for at first.
SETTLE_SECONDS = 3 * RENEW_SECONDS

#: Seconds after its last registration for which a run counts as alive, so that no other machine may take its name.
ALIVE_SECONDS = 2.5 * RENEW_SECONDS

#: Most runs at once.
MOST_LEASES = 20_000


_TAKEN = "a live run of this model and name is registered from another machine"
_FULL = f"there are {MOST_LEASES} runs: expected no more"


class TakenError(TrainGaugeError, RuntimeError):
    """A live run of this model and name is registered from another machine."""


class FullError(TrainGaugeError, RuntimeError):
    """There are too many runs."""


@dataclass
class _Lease:
    """What is known of a process of a run; the lease began when it was renewed last (monotonic)."""

    run: Announcement
    targets: bytes
    renewed: float

    def is_fresh(self, now: float) -> bool:
        """Whether the process has registered lately."""
        return now - self.renewed < ALIVE_SECONDS

    def is_live(self, now: float) -> bool:
        """Whether the process counts as alive: no other machine may then take the name of the run."""
        return self.is_fresh(now) and not self.run.ended


class Leases:
    """The leases of one service; any thread may use them.

    Args:
        networks: Where runs may serve besides at the address that they register from.
        clock: Monotonic, in seconds.
        notes: Where ends are kept, and those that the service before this one kept; ``None`` keeps none.

    >>> leases = Leases()
    >>> leases.text
    b''
    """

    def __init__(
        self,
        networks: Collection[Network] = (),
        clock: Callable[[], float] = time.monotonic,
        notes: Notes | None = None,
    ) -> None:
        self._networks, self._clock, self._notes = networks, clock, notes
        self._leases: dict[str, _Lease] = {}
        self._keys: dict[tuple[str, str], set[str]] = {}  # by model and run
        self._lock = threading.Lock()
        self._text: bytes | None = b""
        self._settled = clock() + SETTLE_SECONDS
        if notes is not None:
            self._restore(notes)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._leases)

    @property
    def text(self) -> bytes:
        """The targets as JSON, divided by commas."""
        with self._lock:
            if self._text is None:
                self._text = b",".join(one.targets for one in self._leases.values())
            return self._text

    @property
    def settling(self) -> float:
        """Seconds until every live run is known, 0 once it is."""
        return max(0.0, self._settled - self._clock())

    def renew(self, key: str, body: bytes, client: str) -> None:
        """Register a run, or renew its lease.

        Args:
            key: Chosen by the run, and known to it alone.
            body: Its registration.
            client: The address that it comes from.

        Raises:
            TakenError: Its name is that of a live run elsewhere.
            FullError: There are too many runs.
            TrainGaugeError: The registration does not fit.
            OSError: The end is listed, and cannot be kept.
        """
        run = Announcement.registered(body)
        known = self._leases.get(key)
        if known is None or known.run.address != run.address:
            _check_address(run.address, client, self._networks)  # outside of the lock: it may ask for a name
        with self._lock:
            self._renew(key, run)

    def _renew(self, key: str, run: Announcement) -> None:
        now, known = self._clock(), self._leases.get(key)
        if known is not None and known.run == run:
            known.renewed = now
            return
        if known is not None and known.run.identity.name != run.identity.name:
            raise TakenError("this lease is of another run")
        others = {
            other: self._leases[other] for other in self._keys.get(run.identity.name, ()) if other != key
        }
        if _is_taken(run, others.values(), now):
            if not run.ended:
                raise TakenError(_TAKEN)
            self._drop(key)  # the end of an earlier process: the run continues elsewhere
            return
        if known is None:
            for other, one in others.items():
                if not (one.run.serves and one.is_fresh(now)) or one.run.address == run.address:
                    self._drop(other)
            if len(self._leases) >= MOST_LEASES:
                raise FullError(_FULL)
        self._add(key, run, now)
        if run.ended and self._notes is not None:
            self._notes.keep(key, run.registration())

    def consider(self, body: bytes, client: str) -> bool:
        """Whether a run has registered lately; nothing changes.

        Args:
            body: Its registration; of its labels nothing is compared.
            client: The address that it comes from.

        Raises:
            TakenError: It is not, as its name is that of a live run elsewhere.
            FullError: It is not, as there are too many runs.
            TrainGaugeError: The registration does not fit.
        """
        run = Announcement.registered(body)
        _check_address(run.address, client, self._networks)
        with self._lock:
            now = self._clock()
            known = [self._leases[key] for key in self._keys.get(run.identity.name, ())]
            here = [one for one in known if one.run.address == run.address and one.run.serves]
            if any(one.is_fresh(now) for one in here):
                return True
            if _is_taken(run, known, now):
                raise TakenError(_TAKEN)
            if len(self._leases) >= MOST_LEASES:
                raise FullError(_FULL)
            return False

    def _restore(self, notes: Notes) -> None:
        for key, body, age in islice(notes.kept(), MOST_LEASES):
            with suppress(TrainGaugeError):
                run = Announcement.registered(body)
                if run.ended and age <= LEASE_SECONDS:
                    self._add(key, run, self._clock() - age)
            if key not in self._leases:
                notes.forget(key)

    def _add(self, key: str, run: Announcement, renewed: float) -> None:
        targets = b",".join(json.dumps(one).encode() for one in run.targets())
        self._leases[key] = _Lease(run, targets, renewed)
        self._keys.setdefault(run.identity.name, set()).add(key)
        self._text = None

    def end(self, key: str) -> None:
        """Forget a run; nothing if there is none."""
        with self._lock:
            self._drop(key)

    def expire(self) -> None:
        """Forget runs whose lease has ended; of one that was killed after it had noted its end, that remains."""
        now = self._clock()
        with self._lock:
            for key, one in list(self._leases.items()):
                if now - one.renewed > LEASE_SECONDS:
                    self._drop(key)
                elif one.run.ended and one.run.serves and not one.is_fresh(now):
                    self._add(key, replace(one.run, serves=False), one.renewed)

    def _drop(self, key: str) -> None:
        lease = self._leases.pop(key, None)
        if lease is not None:
            keys = self._keys[lease.run.identity.name]
            keys.remove(key)
            if not keys:
                del self._keys[lease.run.identity.name]
            if lease.run.ended and self._notes is not None:
                self._notes.forget(key)
            self._text = None


def _is_taken(run: Announcement, others: Collection[_Lease], now: float) -> bool:
    return any(one.is_live(now) and _host(one.run) != _host(run) for one in others)


def _host(run: Announcement) -> str:
    return run.address.rpartition(":")[0]


def _check_address(address: str, client: str, networks: Collection[Network]) -> None:
    """Refuse an address that is not the client's own, nor in a network in which runs may serve.

    Raises:
        InvalidArgumentError: Prometheus would be led elsewhere.
    """
    host, own = address.rpartition(":")[0].strip("[]"), _plain(client)
    for found in _resolved(host):
        if found == own or (own.is_loopback and _is_here(found)):
            return
        if any(found in network for network in networks) and not (found.is_loopback or found.is_link_local):
            return
    raise InvalidArgumentError(
        f"{address} is not an address of {client}, which registers it: set TRAINGAUGE_HOST or TRAINGAUGE_ADVERTISE, or "
        "allow it by --network"
    )


def _resolved(host: str) -> list[Address]:
    try:
        return [_plain(str(one[4][0])) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _plain(address: str) -> Address:
    """An address; one of IPv4 may come in the clothes of IPv6, and one of IPv6 with the name of its interface."""
    found = ip_address(address.partition("%")[0])
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def _is_here(address: Address) -> bool:
    """Whether an address is one of this machine."""
    if address.is_unspecified:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False
