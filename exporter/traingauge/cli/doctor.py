"""``traingauge doctor``: the way from a run of this machine to a notification, checked."""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from traingauge import validation
from traingauge.cli import up
from traingauge.delivery.discovery import default_directory
from traingauge.errors import TrainGaugeError

if TYPE_CHECKING:
    from traingauge.stack.doctor.finding import Finding
    from traingauge.stack.doctor.subject import Subject
    from traingauge.stack.home import Record

SUMMARY = "Check the way from a run to a notification, and say how to mend what is broken."


#: Servers that may be named, and those that are examined otherwise.
_DEFAULTS = {
    "prometheus": "that of `up`",
    "alertmanager": "that of `up`, or of the Prometheus that is named",
    "grafana": "that of `up`, unless another Prometheus is named",
}


class ProblemsError(TrainGaugeError):
    """Something on the way does not work."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    for server, default in _DEFAULTS.items():
        parser.add_argument(
            f"--{server}-url",
            metavar="URL",
            type=_url,
            help=f"your {server.capitalize()} (default: {default})",
        )
    parser.add_argument(
        "--pushgateway-url", metavar="URL", type=_url, help="the Pushgateway that runs are pushed to"
    )
    parser.add_argument(
        "--textfile-dir", type=Path, help="the directory in which runs are written for a node_exporter"
    )
    parser.add_argument("--discovery-dir", type=Path, help="directory with the discovery files of runs")
    parser.add_argument(
        "--state-dir", type=Path, help="state directory of runs (default: $TRAINGAUGE_STATE_DIR)"
    )
    parser.add_argument(
        "--send-test-alert",
        action="store_true",
        help="send an alert to your receivers, and watch it being notified, for 90 s at most",
    )
    parser.add_argument("--json", action="store_true", help="write a JSON list instead of text")
    up.directory(parser)


def run(options: argparse.Namespace) -> None:
    """Examine, and show what is found.

    Raises:
        ProblemsError: Something does not work.
    """
    from traingauge.stack.doctor.every import examine

    found = []
    try:
        for check, finding in examine(_subject(options), _show):
            found.append((check, finding))
            if not options.json:
                _show("")
                sys.stdout.write(_text(check, finding))
                sys.stdout.flush()
                _show(check)
    finally:
        _show("")
    if options.json:
        sys.stdout.write(json.dumps([_as_json(*one) for one in found], indent=1) + "\n")
    if problems := sum(finding.status == "problem" for _, finding in found):
        raise ProblemsError("1 problem" if problems == 1 else f"{problems} problems")


def _show(check: str) -> None:
    """On a terminal, the check that is under way, in place of the one before; empty for none."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + (f"{'…':10}{check}" if check else ""))
        sys.stderr.flush()


def _subject(options: argparse.Namespace) -> Subject:
    from traingauge import environment
    from traingauge.stack.doctor.subject import Subject
    from traingauge.stack.home import Home, default_home

    given = {name: getattr(options, f"{name}_url") for name in _DEFAULTS}
    running = Home(options.directory or default_home()).running()
    ours = dict(running.urls) if running is not None else {}
    if given["prometheus"] not in {None, ours.get("prometheus")}:
        running, ours = None, {}  # that Prometheus has an Alertmanager and a Grafana of its own
    urls = {f"{name}_url": url or ours.get(name) for name, url in given.items()}
    if urls["alertmanager_url"] is None and (known := environment.ALERTMANAGER_URL.read()):
        urls["alertmanager_url"] = known[0].rstrip("/")
    folder = options.state_dir or environment.STATE_DIR.read()
    return Subject(
        (options.discovery_dir or default_directory()).absolute(),
        **urls,
        pushgateway_url=options.pushgateway_url,
        textfile_dir=options.textfile_dir,
        state_dir=None if folder is None else Path(folder),
        discovery_url=_discovery_url(),
        receiver_url=_receiver(running, given["alertmanager"]),
        is_ours=bool(ours) and not any(given.values()),
        sends_test_alert=options.send_test_alert,
    )


def _discovery_url() -> str | None:
    """What runs of this machine register with; one that does not fit is what the check of variables reports."""
    from traingauge import environment

    with suppress(TrainGaugeError):
        url = environment.DISCOVERY_URL.read()
        return None if url is None else url.rstrip("/")
    return None


def _receiver(running: Record | None, given: str | None) -> str | None:
    """The receiver of the Alertmanager that is examined, if that is of `traingauge up`."""
    return running.receiver or None if running is not None and given is None else None


def _url(text: str) -> str:
    """Checked without the user and password; no error quotes these."""
    parts = re.fullmatch(r"(https?://)(?:[^/?#@\s]+@)?([^@]*)", text)
    if parts is None:
        raise argparse.ArgumentTypeError("expected an address, http://…, with / ? # @ of a password encoded")
    try:
        validation.http_url("the address", "".join(parts.groups()))
    except TrainGaugeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text.rstrip("/")


def _text(check: str, finding: Finding) -> str:
    advice = f"{'':10}{'':21}{finding.advice}\n" if finding.advice else ""
    return f"{finding.status:10}{check:21}{finding.text}\n{advice}"


def _as_json(check: str, finding: Finding) -> dict[str, str]:
    return {"check": check, "status": finding.status, "text": finding.text, "advice": finding.advice}
