"""Who may read an endpoint, as a file says.

The file has the format of Prometheus' exporter-toolkit (``--web.config.file``). What is set and not understood raises: an
endpoint is never more open than its configuration says.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traingauge.delivery.http.access import Access, bcrypt
from traingauge.errors import InvalidArgumentError
from traingauge.extras import require

if TYPE_CHECKING:
    import ssl

_SECTIONS = {"tls_server_config", "basic_auth_users", "http_server_config"}
_TLS = {"cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version"}
_CLIENTS = {
    "NoClientCert": "CERT_NONE",
    "VerifyClientCertIfGiven": "CERT_OPTIONAL",
    "RequireAndVerifyClientCert": "CERT_REQUIRED",
}
_VERSIONS = {"TLS12": "TLSv1_2", "TLS13": "TLSv1_3"}
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


def read_access(web_config: Path | None, token_file: Path | None) -> Access:
    """What a client needs, from files.

    Args:
        web_config: In the format of exporter-toolkit.
        token_file: Holds a bearer token.

    Raises:
        InvalidArgumentError: A file that cannot be read, or says something that is not supported.
    """
    tls, users = (None, {}) if web_config is None else _web_config(web_config)
    return Access(tls, users, None if token_file is None else _token(token_file))


def _token(file: Path) -> str:
    text = _text(file).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise InvalidArgumentError(f"{file}: expected one line with a token of printable ASCII characters")
    return text


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"{file} cannot be read: {error}") from error


def _web_config(file: Path) -> tuple[ssl.SSLContext | None, dict[str, str]]:
    try:
        yaml = require("yaml", "web")
    except ImportError as error:
        raise InvalidArgumentError(f"{file}: {error}") from error
    try:
        document = yaml.safe_load(_text(file)) or {}
    except yaml.YAMLError as error:
        raise InvalidArgumentError(f"{file} is no YAML: {error}") from error
    _check_keys(file, "", document, _SECTIONS)
    _check_keys(file, "http_server_config.", document.get("http_server_config") or {}, {"http2"})
    section = document.get("tls_server_config") or {}
    return (_context(file, section) if section else None), _users(
        file, document.get("basic_auth_users") or {}
    )


def _check_keys(file: Path, where: str, section: Any, known: set[str]) -> None:
    if not isinstance(section, dict):
        raise InvalidArgumentError(f"{file}: {where or 'its content'} is no mapping")
    for key in section:
        if key not in known:
            raise InvalidArgumentError(
                f"{file}: {where}{key} is not supported: expected {', '.join(sorted(known))}"
            )


def _users(file: Path, section: Any) -> dict[str, str]:
    if not isinstance(section, dict):
        raise InvalidArgumentError(f"{file}: basic_auth_users is no mapping of names to hashes")
    for user, hashed in section.items():
        if not isinstance(user, str) or not isinstance(hashed, str) or not _BCRYPT.fullmatch(hashed):
            raise InvalidArgumentError(f"{file}: basic_auth_users: expected a bcrypt hash for {user!r}")
    if section:
        try:
            bcrypt()
        except ImportError as error:
            raise InvalidArgumentError(f"{file}: {error}") from error
    return section


def _context(file: Path, section: Any) -> ssl.SSLContext:
    import ssl  # what a run without TLS need not load

    _check_keys(file, "tls_server_config.", section, _TLS)
    for key, known in (("client_auth_type", _CLIENTS), ("min_version", _VERSIONS)):
        if key in section and section[key] not in known:
            raise InvalidArgumentError(
                f"{file}: tls_server_config.{key} is {section[key]!r}: expected {', '.join(known)}"
            )
    clients = section.get("client_auth_type", "NoClientCert")
    if ("client_ca_file" in section) != (clients != "NoClientCert"):
        raise InvalidArgumentError(f"{file}: expected client_ca_file and client_auth_type together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion[_VERSIONS[section.get("min_version", "TLS12")]]
    context.verify_mode = ssl.VerifyMode[_CLIENTS[clients]]
    try:
        context.load_cert_chain(file.parent / section["cert_file"], file.parent / section["key_file"])
        if "client_ca_file" in section:
            context.load_verify_locations(file.parent / section["client_ca_file"])
    except KeyError as error:
        raise InvalidArgumentError(f"{file}: tls_server_config lacks {error}") from error
    except (OSError, TypeError, ValueError) as error:  # SSLError among them
        raise InvalidArgumentError(f"{file}: a certificate or key cannot be loaded: {error}") from error
    return context
