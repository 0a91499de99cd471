"""Passwords, tokens and TLS of the endpoint."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
import requests
import yaml

from tests.delivery.http.conftest import Start
from tests.delivery.http.test_endpoint import view
from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, keys
from traingauge.delivery.http.endpoint import RunningEndpoint
from traingauge.delivery.http.web_config import read_access
from traingauge.errors import InvalidArgumentError

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
Serve = Callable[..., RunningEndpoint]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``cert.pem`` and ``key.pem`` for localhost, which signs for itself."""
    folder = tmp_path_factory.mktemp("certificate")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *files, *names]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[RunningEndpoint] = []

    def start(config: object = None, **settings: object) -> RunningEndpoint:
        if config is not None:
            (tmp_path / "web.yml").write_text(yaml.safe_dump(config))
            settings["web_config"] = tmp_path / "web.yml"
        running.append(Endpoint(**({"discovery_dir": False} | settings)).start(view()))
        return running[-1]

    yield start
    for one in running:
        one.close()


def tls(certificate: Path, **more: str) -> dict[str, object]:
    files = {"cert_file": str(certificate / "cert.pem"), "key_file": str(certificate / "key.pem")}
    return {"tls_server_config": files | more}


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/log", "/nowhere"])
def test_nothing_is_answered_without_the_password(serve: Serve, path: str) -> None:
    url = serve({"basic_auth_users": {"ann": HASH}}).url + path
    for wrong in (None, ("ann", "wrong"), ("bob", "secret"), ("ann", ""), ("", "")):
        answer = requests.get(url, auth=wrong, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="traingauge"')
        assert "model" not in answer.text
    for _ in range(2):
        assert requests.get(url, auth=("ann", "secret"), timeout=PATIENCE).status_code in {200, 404}


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic YW5u", "Basic " + "A" * 4000, "Digest x", "Bearer secret"]
)
def test_a_header_that_is_no_password_is_refused(serve: Serve, header: str) -> None:
    url = serve({"basic_auth_users": {"ann": HASH}}).url
    assert requests.get(url, headers={"Authorization": header}, timeout=PATIENCE).status_code == 401


def test_a_token_opens_the_endpoint_and_nothing_else_does(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    url = serve(token_file=tmp_path / "token").url
    for header, status in {
        "Bearer s3cret": 200,
        "bearer s3cret": 200,
        "Bearer s3cre": 401,
        "s3cret": 401,
    }.items():
        assert requests.get(url, headers={"Authorization": header}, timeout=PATIENCE).status_code == status
    assert requests.get(url, timeout=PATIENCE).headers["WWW-Authenticate"] == "Bearer"


def test_files_are_set_by_variables_too(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "config.yml").write_text(yaml.safe_dump({"basic_auth_users": {"ann": HASH}}))
    monkeypatch.setenv("TRAINGAUGE_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("TRAINGAUGE_WEB_CONFIG_FILE", str(tmp_path / "config.yml"))
    url = serve().url
    assert requests.get(url, timeout=PATIENCE).status_code == 401
    assert requests.get(url, auth=("ann", "secret"), timeout=PATIENCE).ok
    assert requests.get(url, headers={"Authorization": "Bearer s3cret"}, timeout=PATIENCE).ok


def test_tls_carries_large_answers_and_kept_connections(
    start: Start, tmp_path: Path, certificate: Path
) -> None:
    (tmp_path / "web.yml").write_text(yaml.safe_dump(tls(certificate)))
    large = Family(
        CATALOG["model_scalar"], keys(*(("x" * 1000, str(at)) for at in range(5000))), [0.0] * 5000
    )
    server = start(lambda: [large], access=read_access(tmp_path / "web.yml", None))
    assert server.url.startswith("https://127.0.0.1:")
    with requests.Session() as session:
        session.trust_env = False  # a bundle of the environment would win
        session.verify = str(certificate / "cert.pem")
        session.headers["Accept-Encoding"] = "identity"
        for _ in range(3):
            answer = session.get(f"{server.url}/metrics", timeout=PATIENCE)
            assert answer.text.count("model_scalar{") == 5000


def test_a_client_that_speaks_no_tls_is_dropped_and_the_others_are_served(
    serve: Serve, certificate: Path
) -> None:
    running = serve(tls(certificate))
    plain = running.url.replace("https", "http")
    with pytest.raises(requests.RequestException):
        requests.get(plain, timeout=PATIENCE)
    with socket.create_connection(("127.0.0.1", running.server.port)):  # begins no handshake
        answer = requests.get(running.url, verify=str(certificate / "cert.pem"), timeout=PATIENCE)
        assert answer.ok


def test_old_versions_of_tls_are_refused(serve: Serve, certificate: Path) -> None:
    running = serve(tls(certificate, min_version="TLS13"))
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", running.server.port)) as client,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(client, server_hostname="localhost")


def test_a_client_certificate_is_needed_where_it_is_required(serve: Serve, certificate: Path) -> None:
    authority = {
        "client_ca_file": str(certificate / "cert.pem"),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    url = serve(tls(certificate, **authority)).url
    verify = str(certificate / "cert.pem")
    with pytest.raises(requests.RequestException):
        requests.get(url, verify=verify, timeout=PATIENCE)
    own = (str(certificate / "cert.pem"), str(certificate / "key.pem"))
    assert requests.get(url, verify=verify, cert=own, timeout=PATIENCE).ok


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[", "is no YAML"),
        ("[1]", "its content is no mapping"),
        ("basic_auth: {}", "basic_auth is not supported: expected basic_auth_users"),
        ("basic_auth_users: {ann: secret}", "expected a bcrypt hash for 'ann'"),
        ("basic_auth_users: [ann]", "no mapping of names to hashes"),
        ("tls_server_config: {cert_file: a.pem}", "lacks 'key_file'"),
        ("tls_server_config: {cert_file: a.pem, key_file: b.pem}", "cannot be loaded"),
        ("tls_server_config: {cert: a}", "tls_server_config.cert is not supported"),
        ("tls_server_config: {min_version: TLS10}", "min_version is 'TLS10': expected TLS12, TLS13"),
        (
            "tls_server_config: {client_auth_type: RequestClientCert}",
            "client_auth_type is 'RequestClientCert'",
        ),
        ("tls_server_config: {client_ca_file: a}", "client_ca_file and client_auth_type together"),
        ("http_server_config: {headers: {}}", "http_server_config.headers is not supported"),
    ],
)
def test_what_is_not_understood_raises_instead_of_opening_the_endpoint(
    tmp_path: Path, config: str, says: str
) -> None:
    (tmp_path / "web.yml").write_text(config)
    with pytest.raises(InvalidArgumentError, match=says):
        read_access(tmp_path / "web.yml", None)


@pytest.mark.parametrize("content", [None, "", "two\nlines", "schlüssel"])
def test_a_token_file_without_a_token_raises(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(InvalidArgumentError, match="token"):
        Endpoint(token_file=tmp_path / "token").start(view())


def test_listening_beyond_the_loopback_without_credentials_is_said_once(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("s3cret")
    serve()
    serve(host="0.0.0.0", token_file=tmp_path / "token")
    assert not caplog.records
    serve(host="0.0.0.0")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "can read it" in record.message


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {"ann": HASH}}))
    text = repr(read_access(tmp_path / "web.yml", tmp_path / "token"))
    assert "s3cret" not in text
    assert HASH not in text


@pytest.mark.servers
def test_promtool_accepts_the_same_file(tmp_path: Path, certificate: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(
        yaml.safe_dump({"basic_auth_users": {"ann": HASH}} | tls(certificate, min_version="TLS12"))
    )
    read_access(file, None)
    subprocess.run(["promtool", "check", "web-config", file], check=True, capture_output=True)


@pytest.mark.servers
def test_a_real_prometheus_scrapes_over_tls_what_the_discovery_file_announces(
    serve: Serve, tmp_path: Path, certificate: Path
) -> None:
    running = serve(
        {"basic_auth_users": {"ann": HASH}} | tls(certificate), discovery_dir=tmp_path / "targets", linger=0
    )
    (file,) = (tmp_path / "targets").glob("*.json")
    assert json.loads(file.read_text())[0]["labels"]["__scheme__"] == "https"
    job = {
        "job_name": "traingauge",
        "scrape_interval": "1s",
        "file_sd_configs": [{"files": [str(tmp_path / "targets/*.json")]}],
        "basic_auth": {"username": "ann", "password": "secret"},
        "tls_config": {"ca_file": str(certificate / "cert.pem")},
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command = ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: running.scrapes.wait(after=0.0, at_most=time.monotonic() + 1))
        finally:
            process.terminate()
