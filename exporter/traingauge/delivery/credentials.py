"""Who a delivery is to a server: a token, or a user with a password, from a file that may change."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path

from traingauge import validation
from traingauge.errors import InvalidArgumentError


def check(setting: str, username: str | None, file: str | os.PathLike[str] | None) -> None:
    """Check the fields ``username`` and ``credentials_file`` of a setting.

    Args:
        setting: Its name, for errors.
        username: For basic authentication.
        file: With a bearer token, or with the password.

    Raises:
        InvalidTypeError: A field of another type.
        InvalidArgumentError: No name, no path, or a name without a file.
    """
    if file is not None:
        validation.path(f"{setting}.credentials_file", file)
    if username is not None:
        validation.name(f"{setting}.username", username)
        if file is None:
            raise InvalidArgumentError(
                f"{setting}.username is given without credentials_file: expected a file with the password"
            )


def readable(what: str, file: str | os.PathLike[str] | None) -> Path | None:
    """A file with a token or a password, once it was found to hold one.

    Args:
        what: Name of the argument, for errors.
        file: The file.

    Raises:
        InvalidArgumentError: It cannot be read, or holds none.
    """
    if file is None:
        return None
    try:
        secret(Path(file))
    except OSError as error:
        message = f"{what} cannot be read: {error.strerror}: {os.fspath(file)!r}"
        raise InvalidArgumentError(message) from error
    except ValueError as error:
        raise InvalidArgumentError(f"{what} is {os.fspath(file)!r}, which holds no secret: {error}") from None
    return Path(file)


def secret(file: Path) -> str:
    """The token or password in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no line that a header can hold; the message does not quote it.
    """
    found = file.read_bytes().decode("utf-8", "replace").strip()
    if not (found and found.isascii() and found.isprintable()):
        raise ValueError("expected one line of printable ASCII characters")
    return found


def authorization(username: str | None, secret: str) -> str:
    """The header ``Authorization``.

    >>> authorization(None, "t0ken"), authorization("me", "pass")
    ('Bearer t0ken', 'Basic bWU6cGFzcw==')
    """
    if username is None:
        return f"Bearer {secret}"
    return f"Basic {b64encode(f'{username}:{secret}'.encode()).decode()}"
