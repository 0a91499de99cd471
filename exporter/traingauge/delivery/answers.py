"""What a server answered, as it may be logged: the log of a run is served to anyone who can open its page."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from urllib.parse import unquote

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

#: Stands for a secret, and for an answer that cannot be shown without one.
HIDDEN = "***"

#: Most characters of an answer that are shown, and most bytes that are read for that.
_SHOWN, SAID_BYTES = 200, 2048

#: Least characters of a longer secret that give it away.
_PART = 12

#: How often an answer is decoded: what one program has quoted, another may quote again.
_DECODED = 3

_ESCAPED = re.compile(r"\\(?:u00|x)([0-9a-fA-F]{2})")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


_DECODERS: tuple[Callable[[str], str], ...] = (unquote, html.unescape, _unescaped)


def read(answer: requests.Response, most: int = SAID_BYTES) -> bytes:
    """The beginning of a streamed answer.

    Args:
        answer: Of which nothing was read.
        most: Bytes.

    Raises:
        requests.Timeout: The rest does not come.
        requests.ConnectionError: It breaks off, or is not compressed as its header says.
    """
    try:
        return answer.raw.read(most, decode_content=True)
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except HTTPError as error:
        raise requests.ConnectionError(error) from error


def said(status: int, body: bytes, secrets: Collection[str]) -> str:
    r"""An answer in one line.

    Args:
        status: Of the answer.
        body: Its beginning.
        secrets: What the request carried.

    >>> said(400, b"no sample\nfor user me", ())
    '400 no sample for user me'
    >>> said(400, b"me:secret is no one", ["secret"])
    '400 me:*** is no one'
    >>> said(404, b"404 page not found", ())
    '404 page not found'
    >>> said(401, b"no one is called so", ["secret"])
    '401 ***'
    """
    text = " ".join(body[:SAID_BYTES].decode("utf-8", "replace").split()).removeprefix(f"{status} ")
    if secrets and text and status in {401, 403, 407}:  # it is about the secret, and may quote it in any form
        text = HIDDEN
    return f"{status} {without(secrets, text)[:_SHOWN]}".rstrip()


def without(secrets: Collection[str], text: str) -> str:
    """A text of a server without secrets, which it may have quoted, encoded or cut.

    >>> without(["p&ss w0rd"], "p&ss w0rd is wrong"), without(["p&ss w0rd"], "user=me&password=p%26ss+w0rd")
    ('*** is wrong', '***')
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    forms = {form for secret in secrets for form in _forms(secret)}
    return HIDDEN if any(_gives_away(forms, one) for one in _decoded(text)) else text


def innermost(error: BaseException) -> BaseException:
    """The error that the libraries in between have wrapped."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be written, each as its letters and digits."""
    content = secret.encode()
    yield _plain(secret)
    yield content.hex()
    for before in range(3):  # such as the name of a user; base64 is written in groups of three bytes
        encoded = b64encode(bytes(before) + content).decode()
        yield _plain(encoded[-(-8 * before // 6) : 8 * (before + len(content)) // 6])


def _decoded(text: str) -> set[str]:
    """The letters and digits of a text, and of what it may quote, decoded in any order."""
    found = texts = {text}
    for _ in range(_DECODED):
        texts = {decode(one) for one in texts for decode in _DECODERS} - found
        found = found | texts
    return {_plain(one) for one in found}


def _plain(text: str) -> str:
    """Letters and digits alone, as blanks, quotes, padding and alphabets of base64 differ."""
    return "".join(filter(str.isalnum, text.casefold()))


def _gives_away(forms: Collection[str], text: str) -> bool:
    parts = set(_parts(text))
    return any(form in text if len(form) < _PART else not parts.isdisjoint(_parts(form)) for form in forms)


def _parts(text: str) -> Iterator[str]:
    return (text[at : at + _PART] for at in range(len(text) - _PART + 1))
