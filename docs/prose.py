"""``python -m docs.prose``: find phrases that read translated in what people read, and say what to write instead.

What is checked is :data:`CHECKED`. To widen it, move a line of :data:`UNCHECKED` there, or pass ``--all`` to look ahead.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

#: Each phrase, as a regular expression, and what to write instead. A space stands for any white space and comment signs.
BANNED: Mapping[str, str] = {
    r"anew": "again, from the beginning",
    r"so many": "the number itself; 'that many'",
    r"(?:is|are|was|were|be|been|being) told": "name who does what: 'logs', 'reports', 'gets', 'receives'",
    r"(?:tell|tells|telling|told) of": "'report', 'announce', 'show'",
    r"(?:of ours|our own)": "'internal', 'traingauge's'",
    r"at hand": "'available'; name what has it",
    r"(?:give|gives|gave|given|giving) (?:an )?alarm": "'raise an alarm'",
    r"(?:whoever|somebody|anybody|nobody)": "name the actor: 'a scrape', 'a reader', 'no one'",
    r"(?:go|goes|went|gone|going) on": "'continue'",
    r"otherwise than": "'differently from'",
    r"beside": "'next to', 'in addition to', 'with'",
    r"(?:let|lets|letting) go of": "'release', 'drop'",
    r"as far as": "'where', 'if'",
    r"(?:make|makes|made) (?!use |sense |part |fun )\w+ of": "'turn … into'",
    r"(?:judge|judges|judged|judging|judgement)": "'diagnose', 'evaluate', 'decide'; the noun is 'diagnostics'",
    r"(?:hear|hears|heard)": "'receive', 'be notified'",
    r"sick": "name the fault; 'unhealthy'",
    r"answers? (?:its|the|their) canary": "'matches the canary', 'the outputs on the canary batch'",
    r"(?:is|are) (?:planned|expected|watched) no (?:more|longer)": "'is no longer …'",
    r"of another architecture": "'with a different …'",
}

_PATTERNS = {
    re.compile(
        rf"(?<![\w`.]){phrase.replace(' ', chr(92) + 's[' + chr(92) + 's#]*')}(?![\w`])", re.IGNORECASE
    ): instead
    for phrase, instead in BANNED.items()
}


class Text(NamedTuple):
    """A piece of prose, and the line on which it begins."""

    line: int
    text: str


def whole(source: str) -> Iterator[Text]:
    """All of a file."""
    yield Text(1, source)


def docstrings(source: str) -> Iterator[Text]:
    """The docstrings of a Python file."""
    for node in ast.walk(ast.parse(source)):
        if (
            not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            or not node.body
        ):
            continue
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            yield Text(first.value.lineno, first.value.value)


def comments(source: str) -> Iterator[Text]:
    """The comments of a Python file; those on successive lines are one text."""
    text, first, last = "", 0, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if line == last + 1:
            text += f"\n{token.string}"
        else:
            yield Text(first, text)
            text, first = token.string, line
        last = line
    yield Text(first, text)


def code(source: str) -> Iterator[Text]:
    """All that a person reads in a Python file: every string of it, and its comments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text(node.lineno, node.value)
    yield from comments(source)


def names(source: str) -> Iterator[Text]:
    """The sentences that tests are named by."""
    body = ast.parse(source).body
    for node in (*body, *(inner for one in body if isinstance(one, ast.ClassDef) for inner in one.body)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(node.lineno, node.name.removeprefix("test_").replace("_", " "))


class Scope(NamedTuple):
    """Files, and which part of them is read.

    Attributes:
        pattern: Of the files, from the root of the repository.
        part: Gives the prose of a file.
    """

    pattern: str
    part: Callable[[str], Iterator[Text]]


#: What `make check` holds to the list.
CHECKED = (
    Scope("*.md", whole),
    Scope("docs/**/*.md", whole),
    Scope("deploy/**/*.md", whole),
    Scope("deploy/**/*.y*ml", whole),
    Scope("deploy/**/*.py", code),
    Scope("alerting/**/*.md", whole),
    Scope("alerting/**/*.yml", whole),
    Scope("alerting/**/*.tmpl", whole),
    Scope("alerting/**/*.py", code),
    Scope("benchmarks/**/*.py", code),
    Scope("dashboards/*.md", whole),
    Scope("dashboards/**/*.py", code),
    Scope("demo/**/*.py", code),
    Scope("exporter/traingauge/**/*.py", code),
    Scope("simulation/**/*.py", code),
    Scope("tests/**/*.py", names),
)

#: What is still to be rewritten.
UNCHECKED = (Scope("tests/**/*.py", comments), Scope("tests/**/*.py", docstrings))


def found(scopes: Iterable[Scope]) -> Iterator[str]:
    """Each banned phrase as ``file:line: phrase -> suggestion``."""
    for scope in scopes:
        for path in sorted(ROOT.glob(scope.pattern)):
            for line, text in scope.part(path.read_text(encoding="utf-8")):
                for at, phrase, instead in banned(text):
                    yield f"{path.relative_to(ROOT)}:{line + at}: {phrase} -> {instead}"


def banned(text: str) -> Iterator[tuple[int, str, str]]:
    r"""Line within the text, phrase and suggestion of each banned phrase.

    >>> list(banned("It starts\nanew."))
    [(1, 'anew', 'again, from the beginning')]
    """
    for pattern, instead in _PATTERNS.items():
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()), " ".join(match[0].split()), instead


def main() -> int:
    """Print every finding; the exit code is 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m docs.prose", description=__doc__)
    parser.add_argument("--all", action="store_true", help="look at what is not held to the list yet, too")
    scopes = (*CHECKED, *UNCHECKED) if parser.parse_args().all else CHECKED
    findings = list(found(scopes))
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
