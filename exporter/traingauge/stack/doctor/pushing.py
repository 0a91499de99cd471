"""Remote write, where it is set for all runs of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from traingauge import environment
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.setting import RemoteWrite
from traingauge.errors import TrainGaugeError

from .finding import Finding, ok, problem, skipped
from .servers import SKEW
from .subject import Subject


def remote_write(_: Subject) -> Iterator[Finding]:
    """The receiver takes a request."""
    try:
        url = environment.REMOTE_WRITE_URL.read()
        if url is None:
            yield skipped(f"{environment.REMOTE_WRITE_URL.name} is not set")
            return
        setting = RemoteWrite(
            url,
            username=environment.REMOTE_WRITE_USERNAME.read(),
            credentials_file=environment.REMOTE_WRITE_CREDENTIALS_FILE.read(),
        )
        client = setting.client()
        try:
            client.post([])
        finally:
            client.close()
    except (UnavailableError, RefusedError, TrainGaugeError, OSError) as error:
        yield problem(
            f"remote write is not accepted: {error}",
            "is the receiver switched on (--web.enable-remote-write-receiver), and are address and credentials right?",
        )
        return
    yield ok(f"{url} takes remote write {client.version}")
    if client.ahead > SKEW:
        yield problem(
            f"this machine's clock is {client.ahead:.0f} s ahead of the receiver's",
            "synchronise both clocks (NTP)",
        )
