"""The file by which Prometheus finds a run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from pathlib import Path

import pytest

from traingauge.core.families import Identity
from traingauge.delivery import discovery
from traingauge.delivery.discovery import DiscoveryFile, default_directory

ADDRESS = "127.0.0.1:9109"


def test_the_file_is_what_file_sd_reads(tmp_path: Path) -> None:
    found = DiscoveryFile(tmp_path / "new", Identity("churn", "r1"), ADDRESS)
    found.write()
    assert json.loads(found.path.read_text()) == [
        {
            "targets": [ADDRESS],
            "labels": {
                "model": "churn",
                "run": "r1",
                "instance": f"{ADDRESS}/churn-r1-ccccce10",
                "__metrics_path__": "/churn-r1-ccccce10/metrics",
            },
        }
    ]
    assert [path.suffix for path in found.path.parent.iterdir()] == [".json"], "nothing unfinished is left"


@pytest.mark.parametrize("name", ["a/b", "..", "ключ", "x" * 200, 'a"b'])
def test_any_name_makes_a_file_inside_of_the_directory(tmp_path: Path, name: str) -> None:
    found = DiscoveryFile(tmp_path, Identity(name, name), ADDRESS)
    found.write()
    assert found.path.parent == tmp_path
    labels = json.loads(found.path.read_text())[0]["labels"]
    assert re.fullmatch(r"/[A-Za-z0-9._-]+/metrics", labels.pop("__metrics_path__"))
    assert labels.pop("instance").startswith(f"{ADDRESS}/")
    assert labels == {"model": name, "run": name}


def test_two_runs_of_one_process_have_files_of_their_own(tmp_path: Path) -> None:
    for port in (1, 2):
        DiscoveryFile(tmp_path, Identity("m", "r"), f"127.0.0.1:{port}").write()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("names", [("ключ", "ночь"), ("a b", "a_b"), ("x" * 200, "x" * 201)])
def test_runs_at_one_address_have_files_and_paths_of_their_own_however_alike_their_names_are(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for name in names:
        DiscoveryFile(tmp_path, Identity("m", name), ADDRESS).write()
    found = [json.loads(path.read_text())[0]["labels"] for path in tmp_path.iterdir()]
    assert len({labels["__metrics_path__"] for labels in found}) == 2


def test_a_new_run_leaves_the_files_of_live_runs_at_its_own_address(tmp_path: Path) -> None:
    live, dead = left(tmp_path, run="live", age=YOUNG), left(tmp_path, run="dead", age=YOUNG)
    announced(tmp_path, "127.0.0.1:9109").sweep(live=lambda: {live})
    assert live.exists()
    assert not dead.exists()


def test_a_file_is_removed_by_its_own_run_alone(tmp_path: Path) -> None:
    old = announced(tmp_path)
    old.remove()
    new = announced(tmp_path)
    old.remove()
    assert new.path.exists()


def test_removing_a_file_twice_is_no_error(tmp_path: Path) -> None:
    found = DiscoveryFile(tmp_path, Identity("m", "r"), ADDRESS)
    found.write()
    found.remove()
    found.remove()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind_and_raises() -> None:
    with pytest.raises(OSError, match=r".+"):
        DiscoveryFile(Path("/dev/full"), Identity("m", "r"), ADDRESS).write()


def test_the_file_can_be_read_by_a_server_of_another_user(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        found = DiscoveryFile(tmp_path, Identity("m", "r"), ADDRESS)
        found.write()
    finally:
        os.umask(before)
    assert found.path.stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TRAINGAUGE_DISCOVERY_DIR": "/x", "XDG_STATE_HOME": "/y"}, "/x"),
        ({"XDG_STATE_HOME": "/y"}, "/y/traingauge/targets"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/traingauge/targets"),
    ],
)
def test_the_directory_is_the_users_choice_or_the_state_home(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("TRAINGAUGE_DISCOVERY_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_directory() == Path(expected)


def left(
    directory: Path, *, run: str = "r", address: str = "127.0.0.1:9109", host: str = "", age: float
) -> Path:
    """A file as a run that is gone has left it."""
    port = address.rpartition(":")[2]
    path = directory / f"m-{run}@{host or socket.gethostname()}-1-{port}.json"
    path.write_text(json.dumps([{"targets": [address], "labels": {"model": "m", "run": run}}]))
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


OLD, YOUNG = discovery.KEPT_SECONDS + 60, 60


def announced(directory: Path, address: str = "127.0.0.1:1") -> DiscoveryFile:
    found = DiscoveryFile(directory, Identity("m", "new"), address)
    found.write()
    return found


def test_files_that_no_run_touches_are_swept_wherever_the_run_was(tmp_path: Path) -> None:
    swept = [left(tmp_path, age=OLD), left(tmp_path, host="elsewhere", age=OLD)]
    kept = [left(tmp_path, run="young", age=YOUNG), tmp_path / "mine.json"]
    kept[1].write_text("[]")
    os.utime(kept[1], (0, 0))
    own = announced(tmp_path)
    own.sweep()
    assert sorted(tmp_path.iterdir()) == sorted([*kept, own.path])
    assert not any(path.exists() for path in swept)


def test_a_file_that_its_run_touches_is_not_swept_by_another_process(tmp_path: Path) -> None:
    live = announced(tmp_path, "127.0.0.1:2")
    os.utime(live.path, (0, 0))
    live.touch()
    announced(tmp_path).sweep()
    assert live.path.exists()


@pytest.mark.parametrize(
    ("address", "host", "taken"),
    [
        ("127.0.0.1:9109", "", True),
        ("127.0.0.1:9109", "elsewhere", False),  # another machine's loopback
        ("10.0.0.7:9109", "elsewhere", True),
        ("127.0.0.1:9110", "", False),
    ],
)
def test_a_new_run_takes_away_the_file_that_leads_to_its_own_address(
    tmp_path: Path, address: str, host: str, taken: bool
) -> None:
    old = left(tmp_path, address=address, host=host, age=YOUNG)
    own = announced(tmp_path, address.replace("9110", "9109"))
    own.sweep()
    assert old.exists() is not taken
    assert own.path.exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", "[3]", "\udcff"])
def test_a_file_that_is_no_target_list_is_left_alone(tmp_path: Path, content: str) -> None:
    broken = left(tmp_path, age=YOUNG)
    broken.write_bytes(content.encode("utf-8", "surrogateescape"))
    announced(tmp_path, "127.0.0.1:9109").sweep()
    assert broken.exists()


def test_a_file_that_a_cleaner_has_removed_is_written_again_until_the_run_has_ended(tmp_path: Path) -> None:
    found = announced(tmp_path / "targets")
    shutil.rmtree(tmp_path / "targets")
    found.touch()
    assert found.path.exists()
    found.remove()
    found.touch()
    assert not found.path.exists()


def test_no_link_of_another_user_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"x" * size)
    victim, found = tmp_path / "victim", DiscoveryFile(tmp_path / "d", Identity("m", "r"), ADDRESS)
    victim.write_text("precious")
    found.path.parent.mkdir()
    found.path.with_suffix(f".{(b'x' * 8).hex()}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        found.write()
    assert victim.read_text() == "precious"


def test_a_file_shows_that_prometheus_has_read_it_also_after_the_run_has_touched_it(tmp_path: Path) -> None:
    found = announced(tmp_path)
    assert not found.is_looked_for()
    found.touch()
    assert not found.is_looked_for()
    found.path.read_text()
    assert found.is_looked_for()
    found.touch()
    assert found.is_looked_for()


def test_a_run_that_was_scraped_lets_later_runs_of_the_directory_know_for_a_day(tmp_path: Path) -> None:
    earlier, later = announced(tmp_path), announced(tmp_path, "127.0.0.1:2")
    earlier.scraped()
    earlier.remove()
    assert later.is_looked_for()
    long_ago = time.time() - discovery.BELIEVED_SECONDS - 1
    os.utime(tmp_path / discovery.SCRAPED, (long_ago, long_ago))
    assert not later.is_looked_for()
    earlier.scraped()
    assert later.is_looked_for()


def test_what_lets_later_runs_know_follows_no_link_of_another_user(tmp_path: Path) -> None:
    victim, found = tmp_path / "victim", announced(tmp_path / "targets")
    victim.write_text("precious")
    (tmp_path / "targets" / discovery.SCRAPED).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        found.scraped()
    assert victim.read_text() == "precious"


def noted(directory: Path, run: str = "r", address: str = ADDRESS, age: float = 0.0) -> DiscoveryFile:
    """The file of a run that is over, and whose end no scrape has seen."""
    found = DiscoveryFile(directory, Identity("m", run), address)
    found.write()
    found.note("failed")
    found.leave_note()
    os.utime(found.path, (time.time() - age, time.time() - age))
    return found


def labels_in(path: Path) -> list[dict[str, str]]:
    return [group["labels"] for group in json.loads(path.read_text())]


def test_a_note_is_another_target_next_to_that_of_the_run_which_stays_as_it_is(tmp_path: Path) -> None:
    found = announced(tmp_path)
    (target,) = labels_in(found.path)
    found.note("interrupted")
    same, note = labels_in(found.path)
    assert same == target
    assert note.pop("ended") == "interrupted"
    assert note.pop("__metrics_path__") != target.pop("__metrics_path__")
    assert note == target, "rules know the process by these"


def test_a_run_that_no_longer_answers_leaves_the_note_alone(tmp_path: Path) -> None:
    (labels,) = labels_in(noted(tmp_path).path)
    assert labels["ended"] == "failed"


def test_a_note_is_taken_back_with_its_file(tmp_path: Path) -> None:
    found = announced(tmp_path)
    found.note("finished")
    found.remove()
    found.leave_note()
    found.note("finished")
    assert not list(tmp_path.iterdir())


def test_a_note_makes_no_directory_where_that_is_gone(tmp_path: Path) -> None:
    found = announced(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    found.note("finished")
    found.leave_note()
    assert not (tmp_path / "gone").exists()


def test_a_file_is_left_to_the_note_that_the_run_has_written(tmp_path: Path) -> None:
    found = noted(tmp_path)
    found.remove()
    found.touch()
    assert len(labels_in(found.path)) == 1


@pytest.mark.parametrize(
    ("run", "address", "age", "swept"),
    [
        ("other", "127.0.0.1:2", discovery.NOTED_SECONDS + 60, True),
        ("other", "127.0.0.1:2", discovery.NOTED_SECONDS - 60, False),
        ("other", "127.0.0.1:1", YOUNG, False),  # rules still need it, and it leads to no run
        ("new", "127.0.0.1:2", YOUNG, True),  # the run has a new process
    ],
)
def test_a_note_is_swept_after_an_hour_or_by_the_same_run(
    tmp_path: Path, run: str, address: str, age: float, swept: bool
) -> None:
    note = noted(tmp_path, run, address, age)
    announced(tmp_path).sweep()
    assert note.path.exists() is not swept


def test_a_run_that_still_waits_for_its_scrape_is_not_swept_by_a_new_process_of_it(tmp_path: Path) -> None:
    waiting = announced(tmp_path, "127.0.0.1:2")
    waiting.note("interrupted")
    announced(tmp_path).sweep()
    assert waiting.path.exists()


def test_sweeping_does_not_make_a_file_look_as_if_prometheus_had_read_it(tmp_path: Path) -> None:
    rank = announced(tmp_path, "127.0.0.1:2")
    announced(tmp_path).sweep()
    assert not rank.is_looked_for()
