"""The ``TRAINGAUGE_*`` variables, by which an operator decides what a script leaves open.

A variable counts where the script passes no argument; an empty one counts as unset. Variables are read when a monitor is
made, never on import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from traingauge import validation
from traingauge.errors import InvalidArgumentError, TrainGaugeError, shown

T = TypeVar("T")


class Variable(NamedTuple, Generic[T]):
    """One variable.

    Attributes:
        name: Its name.
        parse: Turns its text into a checked value; takes the name for its errors, and the text.
    """

    name: str
    parse: Callable[[str, str], T]

    def read(self) -> T | None:
        """Its value, ``None`` if it is unset or empty.

        While monitoring is switched off, a value that does not fit counts as unset, too.

        Raises:
            TrainGaugeError: A value that does not fit.
        """
        text = os.environ.get(self.name)
        try:
            return self.parse(self.name, text) if text else None
        except TrainGaugeError:
            if self is not DISABLED and DISABLED.read():
                return None
            raise

    def resolve(self, given: T | None, default: T) -> T:
        """The argument if one is given, else the variable, else the default.

        Raises:
            TrainGaugeError: The variable is needed, and its value does not fit.
        """
        if given is not None:
            return given
        found = self.read()
        return default if found is None else found


def _text(variable: str, text: str) -> str:
    return text


def _port(variable: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):  # int() refuses thousands of digits with an error of its own
        raise InvalidArgumentError(f"{variable} is {shown(text)}: expected 0 (a free port) to 65535")
    return validation.count(variable, int(text), least=0, most=65535)


def _seconds(variable: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise InvalidArgumentError(f"{variable} is {shown(text)}: expected a number of seconds") from None
    return validation.seconds(variable, seconds, least=0)


def _urls(variable: str, text: str) -> tuple[str, ...]:
    return tuple(validation.http_url(variable, one.strip()) for one in text.split(","))


def _labels(variable: str, text: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(between for _, between, _ in pairs):
        raise InvalidArgumentError(
            f"{variable} is {shown(text)}: expected labels, as team=vision,tier=production"
        )
    return validation.labels(variable, {name.strip(): value.strip() for name, _, value in pairs})


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _switch(variable: str, text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise InvalidArgumentError(f"{variable} is {shown(text)}: expected 1 or 0")
    return _SWITCH[text.lower()]


#: Name of the model.
MODEL = Variable("TRAINGAUGE_MODEL", validation.name)

#: Name of the run.
RUN = Variable("TRAINGAUGE_RUN", validation.name)

#: Labels of every series and alert of the run.
LABELS = Variable("TRAINGAUGE_LABELS", _labels)

#: Address and port to listen on.
HOST, PORT = Variable("TRAINGAUGE_HOST", _text), Variable("TRAINGAUGE_PORT", _port)

#: Host, or host and port, by which Prometheus reaches the endpoint.
ADVERTISE = Variable("TRAINGAUGE_ADVERTISE", validation.host)

#: Files that say who may read the endpoint.
WEB_CONFIG_FILE = Variable("TRAINGAUGE_WEB_CONFIG_FILE", _text)
TOKEN_FILE = Variable("TRAINGAUGE_TOKEN_FILE", _text)

#: Longest wait, in seconds, for the scrape that sees the end of the run.
LINGER_SECONDS = Variable("TRAINGAUGE_LINGER_SECONDS", _seconds)

#: Whether a run that was never scraped waits for its first scrape.
WAIT_FOR_SCRAPE = Variable("TRAINGAUGE_WAIT_FOR_SCRAPE", _switch)

#: Directory in which Prometheus looks for runs.
DISCOVERY_DIR = Variable("TRAINGAUGE_DISCOVERY_DIR", _text)

#: Service that the run registers with, and the file with its token.
DISCOVERY_URL = Variable("TRAINGAUGE_DISCOVERY_URL", validation.http_url)
DISCOVERY_CREDENTIALS_FILE = Variable("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE", _text)

#: Directory in which the run keeps its state.
STATE_DIR = Variable("TRAINGAUGE_STATE_DIR", _text)

#: Alertmanagers that alerts are sent to, divided by commas; and their user, and the file with the password or token.
ALERTMANAGER_URL = Variable("TRAINGAUGE_ALERTMANAGER_URL", _urls)
ALERTMANAGER_USERNAME = Variable("TRAINGAUGE_ALERTMANAGER_USERNAME", validation.name)
ALERTMANAGER_CREDENTIALS_FILE = Variable("TRAINGAUGE_ALERTMANAGER_CREDENTIALS_FILE", _text)

#: Where the run is sent by remote write; its user, and the file with the password or token.
REMOTE_WRITE_URL = Variable("TRAINGAUGE_REMOTE_WRITE_URL", validation.http_url)
REMOTE_WRITE_USERNAME = Variable("TRAINGAUGE_REMOTE_WRITE_USERNAME", validation.name)
REMOTE_WRITE_CREDENTIALS_FILE = Variable("TRAINGAUGE_REMOTE_WRITE_CREDENTIALS_FILE", _text)

#: Whether monitoring is switched off altogether.
DISABLED = Variable("TRAINGAUGE_DISABLED", _switch)

#: All of them.
VARIABLES: tuple[
    Variable[str]
    | Variable[int]
    | Variable[float]
    | Variable[bool]
    | Variable[tuple[str, ...]]
    | Variable[Mapping[str, str]],
    ...,
] = (
    MODEL,
    RUN,
    LABELS,
    HOST,
    PORT,
    ADVERTISE,
    WEB_CONFIG_FILE,
    TOKEN_FILE,
    LINGER_SECONDS,
    WAIT_FOR_SCRAPE,
    DISCOVERY_DIR,
    DISCOVERY_URL,
    DISCOVERY_CREDENTIALS_FILE,
    STATE_DIR,
    ALERTMANAGER_URL,
    ALERTMANAGER_USERNAME,
    ALERTMANAGER_CREDENTIALS_FILE,
    REMOTE_WRITE_URL,
    REMOTE_WRITE_USERNAME,
    REMOTE_WRITE_CREDENTIALS_FILE,
    DISABLED,
)
