"""The prose check finds what it bans, where it stands."""

from __future__ import annotations

import pytest

from docs import prose

SOURCE = '''\
"""A part that is sick."""

# Is looked at by
# so
# many readers.
MESSAGE = "It goes on."


def test_whoever_asks_gets_an_answer():
    """Nobody."""
'''


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (prose.docstrings, [(1, "sick"), (10, "Nobody")]),
        (prose.comments, [(4, "so # many")]),
        (prose.code, [(1, "sick"), (6, "goes on"), (10, "Nobody"), (4, "so # many")]),
        (prose.names, [(9, "whoever")]),
    ],
)
def test_each_part_of_a_file_is_read_by_itself(part, expected) -> None:
    found = [(line + at, phrase) for line, text in part(SOURCE) for at, phrase, _ in prose.banned(text)]
    assert found == expected


def test_words_that_only_contain_a_banned_one_pass() -> None:
    assert not list(prose.banned("Besides, a canewas; `anew` and beside_it are names."))


def test_what_is_held_to_the_list_passes() -> None:
    assert list(prose.found(prose.CHECKED)) == []


def test_every_scope_has_files() -> None:
    assert all(list(prose.ROOT.glob(scope.pattern)) for scope in prose.CHECKED)
