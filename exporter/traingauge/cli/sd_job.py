"""The job by which a Prometheus finds the runs that ``traingauge sd`` lists."""

from __future__ import annotations

import re
import socket

from traingauge.delivery.http.hosts import is_loopback

_WILDCARD = re.compile(r"^http://(0\.0\.0\.0|\[::\]):")

_AUTHORIZATION = """\
        # a copy of the file given as --token-file that Prometheus can read
        authorization: {type: Bearer, credentials_file: /etc/prometheus/traingauge-sd-token}
"""

_JOB = """\
scrape_configs:
  - job_name: traingauge
    http_sd_configs:
      - url: %s
        refresh_interval: 15s
%s    metric_relabel_configs:
      - {regex: exported_(model|run), action: labeldrop}
"""


def job(url: str, *, token: bool) -> str:
    """What to paste into the configuration of a Prometheus.

    Args:
        url: Where the list is.
        token: Whether a client has to show one.

    >>> print(job("http://127.0.0.1:9096/", token=False), end="")
    scrape_configs:
      - job_name: traingauge
        http_sd_configs:
          - url: http://127.0.0.1:9096/
            refresh_interval: 15s
        metric_relabel_configs:
          - {regex: exported_(model|run), action: labeldrop}
    """
    return _JOB % (_WILDCARD.sub(f"http://{socket.gethostname()}:", url), _AUTHORIZATION if token else "")


def introduction(url: str, host: str, *, token: bool) -> str:
    """What a person reads above the job, and the job.

    Args:
        url: Where the list is.
        host: The address that is listened on.
        token: Whether a client has to show one.
    """
    reader = "A Prometheus on this machine (--host 0.0.0.0: on any)" if is_loopback(host) else "A Prometheus"
    return f"{reader} finds the runs with\n\n{job(url, token=token)}"
