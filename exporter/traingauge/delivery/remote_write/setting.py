"""The setting of a remote write."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from traingauge import environment, validation
from traingauge.delivery import credentials
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown

if TYPE_CHECKING:
    from traingauge.delivery.base import RunView
    from traingauge.delivery.remote_write.client import Client
    from traingauge.delivery.remote_write.delivery import RunningRemoteWrite

PROTOCOLS = ("auto", "1.0", "2.0")

#: Words of the names of headers that hold credentials. Whole words: ``X-Author`` and ``X-Keyspace`` may name a tenant.
_CREDENTIAL = re.compile(
    "(api|access|auth|private|secret)?(auth|authorization|cookies?|credentials?|jwt|keys?|pass|passwd|password|secrets?|"
    "session|signature|tokens?)"
)

#: The words of a name, as in ``X-Api-Key``, ``x_api_key`` and ``XApiKey``.
_WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class RemoteWrite:
    """Sends the run to a receiver of Prometheus remote write, every step at its own time.

    Loss, learning rate, gradient norm, further scalars and the scores of each diagnostic interval and pass are sent step by
    step; everything else that a scrape would show is read at intervals. A thread sends: it reads the run's rows from the
    log in its state directory, so that training does nothing for it, an outage loses nothing, and a process that resumes the
    run, or ``traingauge push``, sends what a killed one has left. Without a state directory the log is a temporary one of at
    most 256 MiB, and what a killed process has not sent is lost.

    Args:
        url: Where the receiver takes requests, as ``http://prometheus:9090/api/v1/write``.
        headers: Further headers of each request, such as ``{"X-Scope-OrgID": "team"}``. They, or ``username``, tell tenants
            of one URL apart; credentials do not, whose names have a word such as ``Authorization``, ``Key``, ``Password`` or
            ``Token``.
        username: Name for basic authentication; the file then holds the password.
        credentials_file: File with a bearer token, or with the password. It is read at each request, so it may change.
        every: Sends every n-th training step; scores, passes and readings are sent all the same.
        interval: Seconds between two readings of everything else.
        protocol: Version of the protocol, ``"1.0"`` or ``"2.0"``; ``"auto"`` finds out what the receiver understands. 2.0
            falls back to 1.0 if the receiver does not show that it has understood.
        linger: Longest time in seconds that the end of the run waits for the receiver.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> RemoteWrite("https://mimir.example.org/api/v1/push", every=10).every
    10
    >>> RemoteWrite("http://prometheus:9090/api/v1/write", every=0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: RemoteWrite.every is 0: expected at least 1
    """

    #: The rows are kept on disk for it, also where the run keeps no state.
    needs_rows: ClassVar[bool] = True

    url: str
    _: KW_ONLY
    headers: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    username: str | None = None
    credentials_file: str | os.PathLike[str] | None = None
    every: int = 1
    interval: float = 15.0
    protocol: Literal["auto", "1.0", "2.0"] = "auto"
    linger: float = 10.0

    def __post_init__(self) -> None:
        validation.http_url("RemoteWrite.url", self.url)
        object.__setattr__(self, "headers", _headers({} if self.headers is None else self.headers))
        credentials.check("RemoteWrite", self.username, self.credentials_file)
        object.__setattr__(self, "every", validation.count("RemoteWrite.every", self.every))
        interval = validation.seconds("RemoteWrite.interval", self.interval, least=0.1)
        object.__setattr__(self, "interval", interval)
        validation.choice("RemoteWrite.protocol", self.protocol, PROTOCOLS)
        object.__setattr__(self, "linger", validation.seconds("RemoteWrite.linger", self.linger, least=0))

    def __reduce__(self) -> tuple[Callable[[], RemoteWrite], tuple[()]]:
        """Copies and pickles are made from the fields: a mapping that cannot be changed cannot be copied."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return partial(RemoteWrite, **{**values, "headers": dict(values["headers"])}), ()

    @property
    def receiver(self) -> str:
        """What tells the receiver and its tenant from others: URL, user name, and headers but for credentials.

        A run keeps a place in its log for each. Credentials are no part of that, because they are renewed, and a renewed one
        would send the whole log once more.

        >>> one, other = (RemoteWrite("http://mimir/push", headers={"X-Scope-OrgID": name}) for name in "ab")
        >>> one.receiver == other.receiver
        False
        """
        told = sorted(
            (name.lower(), text) for name, text in (self.headers or {}).items() if not _is_credential(name)
        )
        parts = [f"{name}: {text}" for name, text in told]
        return "\n".join([self.url, *([] if self.username is None else [self.username]), *parts])

    def push_command(self, directory: Path) -> str:
        """The command that sends what is left in a state directory, without the values of headers, as they may be secret."""
        options = [("--header", f"{name}=…") for name in self.headers or {}]
        options += [("--username", self.username)] if self.username is not None else []
        if self.credentials_file is not None:
            options.append(("--credentials-file", os.fspath(self.credentials_file)))
        options += [("--every", str(self.every))] if self.every != 1 else []
        options += [("--protocol", self.protocol)] if self.protocol != "auto" else []
        words = ["traingauge", "push", str(directory), "--to", self.url, *chain.from_iterable(options)]
        return shlex.join(words)

    def start(self, run: RunView) -> RunningRemoteWrite:
        """Start sending a run.

        Raises:
            InvalidArgumentError: The file with the token or the password cannot be read.
        """
        from traingauge.delivery.remote_write.delivery import (
            RunningRemoteWrite,
        )  # what most runs need not load

        return RunningRemoteWrite(self, run)

    def client(self) -> Client:
        """A client of the receiver.

        Raises:
            InvalidArgumentError: The file with the token or the password cannot be read.
        """
        from traingauge.delivery.remote_write.client import Client

        file = credentials.readable("RemoteWrite.credentials_file", self.credentials_file)
        return Client(self.url, self.headers or {}, self.username, file, self.protocol)


def from_environment() -> RemoteWrite | None:
    """The remote write that an operator asks for by variables; ``None`` if none is."""
    url = environment.REMOTE_WRITE_URL.read()
    if url is None:
        return None
    return RemoteWrite(
        url,
        username=environment.REMOTE_WRITE_USERNAME.read(),
        credentials_file=environment.REMOTE_WRITE_CREDENTIALS_FILE.read(),
    )


def _is_credential(name: str) -> bool:
    return any(_CREDENTIAL.fullmatch(word.lower()) for word in _WORD.findall(name))


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for entry in value.items() for part in entry
    ):
        raise InvalidTypeError(
            "RemoteWrite.headers is no mapping of strings: expected values by name, as {'X-Scope-OrgID': 'team'}"
        )
    for name, text in value.items():
        if not (name and name.isascii() and name.isprintable() and not set(name) & set(" :")):
            raise InvalidArgumentError(
                f"RemoteWrite.headers has the name {shown(name)}: expected one of HTTP"
            )
        if not (text.isascii() and text.isprintable()):
            raise InvalidArgumentError(f"RemoteWrite.headers[{name!r}]: expected printable ASCII characters")
    return MappingProxyType(dict(value))
