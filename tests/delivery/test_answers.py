"""What a server answered, as it may be logged."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from traingauge.delivery import answers

#: A password with characters that every kind of text quotes in its own way, and what is sent of it.
SECRET = "p&ss  w0rd<\"\\'+/%26?"
SENT = (SECRET, "Basic " + b64encode(f"me:{SECRET}".encode()).decode())

QUOTED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "base64": lambda text: b64encode(f"me:{text}".encode()).decode(),
    "base64 for addresses, without padding": lambda text: (
        urlsafe_b64encode(f"you:{text}".encode()).decode().rstrip("=")
    ),
    "base64 without the user": lambda text: b64encode(text.encode()).decode(),
    "base64 of the header": lambda text: b64encode(SENT[1].encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex().upper(),
    "an address": quote,
    "a form": quote_plus,
    "an address in an address": lambda text: quote(quote(text)),
    "HTML": html.escape,
    "HTML with numbers": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "an address in HTML": lambda text: html.escape(quote(text)),
    "JSON": json.dumps,
    "JSON of Go": lambda text: json.dumps(text).replace("&", "\\u0026").replace("<", "\\u003c"),
    "other blanks": lambda text: text.replace("  ", "\n\t"),
    "upper case": str.upper,
    "the first half": lambda text: b64encode(f"me:{text}".encode()).decode()[:18],
}


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
@pytest.mark.parametrize("status", [400, 401, 500])
def test_no_form_of_a_secret_is_shown(status: int, quoted: Callable[[str], str]) -> None:
    text = quoted(SECRET)
    shown = answers.said(status, f"refused: {text}!".encode(), SENT)
    assert shown in {f"{status} ***", f"{status} refused: ***!"}


@pytest.mark.parametrize("status", [401, 403, 407])
def test_an_answer_about_the_credentials_is_not_shown(status: int) -> None:
    assert answers.said(status, SECRET[::-1].encode(), SENT) == f"{status} ***"
    assert answers.said(status, b"log in first", ()) == f"{status} log in first"


def test_an_answer_without_a_secret_is_shown() -> None:
    text = "user me: series has label names that are too long; see https://example.com/a?b=c%20d&amp;e"
    assert answers.said(400, text.encode(), SENT) == f"400 {text}"


def test_a_secret_that_has_nothing_but_marks_is_hidden() -> None:
    assert answers.said(400, b"no: %21%3F%21", ["!?!"]) == "400 ***"
