"""Google docstrings as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Note):$")
_FIELD = re.compile(r"^(\*{0,2}\w[\w ,.*]*?): (.*)$")
_ROLE = re.compile(r":(\w+):`~?([^`]+)`")


def markdown(docstring: str) -> str:
    r"""A docstring's text, sections and examples.

    >>> print(markdown("Half of ``x``.\n\nArgs:\n    x: Any number,\n        or :data:`math.nan`."))
    Half of `x`.
    <BLANKLINE>
    **Args**
    <BLANKLINE>
    * `x`: Any number, or `nan`.
    """
    return "\n\n".join(_blocks(docstring))


def summary(docstring: str) -> str:
    """Its first paragraph on one line."""
    return _inline(docstring.partition("\n\n")[0])


def _blocks(docstring: str) -> Iterator[str]:
    for part in re.split(r"\n{2,}", docstring.strip()):
        first, _, rest = part.partition("\n")
        if _SECTION.match(first):
            yield f"**{first[:-1]}**"
            yield _fields(textwrap.dedent(rest), named=first not in ("Returns:", "Yields:", "Note:"))
        elif first.startswith(">>>"):
            yield f"```pycon\n{part}\n```"
        elif first.startswith("* "):
            yield part.replace("``", "`")
        else:
            yield _inline(part)


def _fields(text: str, *, named: bool) -> str:
    if not named:
        return _inline(text)
    fields: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            fields[-1] += " " + line.strip()
        else:
            fields.append(line)
    return "\n".join(_field(field) for field in fields)


def _field(field: str) -> str:
    found = _FIELD.match(field)
    return f"* `{found[1]}`: {_inline(found[2])}" if found else f"* {_inline(field)}"


def _inline(text: str) -> str:
    joined = re.sub(r"\s*\n\s*", " ", text.strip())
    joined = _ROLE.sub(lambda role: f"`{_shown(*role.groups())}`", joined)
    return joined.replace("``", "`")


def _shown(role: str, target: str) -> str:
    name = target.rsplit(".", 2)[-2:] if role == "meth" else target.rsplit(".", 1)[-1:]
    return ".".join(name) + ("()" if role in ("meth", "func") else "")
