"""Who may read an endpoint: if a password, a token or a certificate is set, only its holder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from traingauge import extras

if TYPE_CHECKING:
    import ssl

#: Compared with the password of an unknown user, so that the answer takes as long as for a known one.
_NO_ONE = "$2b$10$" + "." * 53


@dataclass(frozen=True)
class Access:
    """What a client needs.

    Attributes:
        tls: The server's side of TLS, ``None`` for plain HTTP.
        users: Hashes of passwords (bcrypt), by name.
        token: Bearer token.
    """

    tls: ssl.SSLContext | None = None
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)
    _checked: set[bytes] = field(default_factory=set, repr=False, compare=False)

    @property
    def is_open(self) -> bool:
        """Whether everyone who reaches the endpoint may read it."""
        verifies = self.tls is not None and self.tls.verify_mode.name == "CERT_REQUIRED"
        return not (self.users or self.token or verifies)

    @property
    def challenge(self) -> str:
        """The header ``WWW-Authenticate``."""
        return 'Basic realm="traingauge"' if self.users else "Bearer"

    def allows(self, authorization: str) -> bool:
        """Whether the header ``Authorization`` holds what is needed."""
        if not self.users and self.token is None:
            return True
        import hmac  # what an endpoint without credentials need not load

        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.token is not None:
            return hmac.compare_digest(given.strip().encode(), self.token.encode())
        return scheme.lower() == "basic" and bool(self.users) and self._knows(given.strip())

    def _knows(self, credentials: str) -> bool:
        import base64
        import hashlib

        digest = hashlib.sha256(credentials.encode()).digest()
        if digest in self._checked:  # bcrypt is slow on purpose, and a scrape comes every few seconds
            return True
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
            known = bcrypt().checkpw(password.encode(), self.users.get(user, _NO_ONE).encode())
        except ValueError:  # no base64, no UTF-8, a password that is too long
            return False
        if not known or user not in self.users:
            return False
        self._checked.add(digest)
        return True


def bcrypt() -> Any:
    """The module that checks passwords.

    Raises:
        ImportError: It is not installed.
    """
    return extras.require("bcrypt", "web")
