"""The format is the one the client prefers, and compression is used where it is welcome."""

import pytest

from traingauge.delivery.http.negotiation import accepts_gzip, choose_format

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS_2_42 = (
    f"{OPENMETRICS};version=1.0.0,{OPENMETRICS};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    f"{OPENMETRICS};version=1.0.0;escaping=allow-utf-8;q=0.6,{OPENMETRICS};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PROMETHEUS_2_42, "openmetrics"),
        (PROMETHEUS_3, "openmetrics"),
        (f"{OPENMETRICS};q=0.4,text/plain;q=0.5", "text"),
        (f"{OPENMETRICS};q=0,text/plain;q=0", "text"),
        (f'{OPENMETRICS}; Version = "1.0.0" ; Q=0.1', "openmetrics"),
        (f"{OPENMETRICS};version=0.0.1", "text"),
        (f"{OPENMETRICS};q=much", "text"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text"),
        ("*/*", "text"),
        ("", "text"),
        (";;,=,q", "text"),
    ],
)
def test_the_format_is_the_one_the_client_prefers(accept: str, form: str) -> None:
    assert choose_format(accept) == form


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.1", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_used_where_it_is_accepted(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
