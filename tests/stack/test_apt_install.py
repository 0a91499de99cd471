from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from traingauge.stack.programs import APT_INSTALL

TOOLS = ("sh", "true", "find", "rm", "chmod", "cat")


def apt_install(*packages: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("sh") or "sh", APT_INSTALL, *packages]
    environment = (
        None
        if path is None
        else {"PATH": str(path), "LOG": str(path / "log"), "POLICY_RC_D": str(path / "policy-rc.d")}
    )
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the common tools, root's rights and no apt."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    command(tmp_path, "id", "echo 0")
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
    (folder / name).chmod(0o755)


def apt(folder: Path, *, outcome: str = "exit 0") -> None:
    """An apt-get that writes down what it is asked for, on a system that has no package."""
    command(folder, "dpkg-query", "exit 1")
    command(folder, "apt-get", f'echo "$DEBIAN_FRONTEND $RUNLEVEL $*" >>"$LOG"\n{outcome}')


def asked(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines()


def test_without_apt_it_says_what_to_install_by_hand(tools: Path) -> None:
    done = apt_install("prometheus", "prometheus-alertmanager", path=tools)
    assert done.returncode == 1
    assert "this system has no apt-get" in done.stderr
    assert "apt-get install --no-install-recommends prometheus prometheus-alertmanager" in done.stderr
    assert "brew install prometheus alertmanager" in done.stderr
    assert "traingauge bundle export DIR --for compose" in done.stderr


def test_without_roots_rights_it_says_what_to_install_by_hand(tools: Path) -> None:
    apt(tools)
    command(tools, "id", "echo 1000")
    done = apt_install("python3-venv", path=tools)
    assert done.returncode == 1
    assert "sudo apt-get install --no-install-recommends python3-venv" in done.stderr
    assert "compose" not in done.stderr
    assert not (tools / "log").exists()


def test_with_a_sudo_that_asks_for_no_password_it_continues_as_root(tools: Path) -> None:
    apt(tools)
    command(tools, "id", 'echo "${AS:-1000}"')
    command(tools, "sudo", 'shift; AS=0 exec "$@"')
    assert apt_install("sl", path=tools).returncode == 0
    assert asked(tools)[-1].endswith("install --yes --quiet --no-install-recommends sl")


def test_it_installs_without_recommends_questions_or_services(tools: Path) -> None:
    apt(tools)
    assert apt_install("sl", "tree", path=tools).returncode == 0
    assert asked(tools)[-1].startswith("noninteractive 1 ")
    assert asked(tools)[-1].endswith("install --yes --quiet --no-install-recommends sl tree")


def test_services_are_forbidden_to_start_only_while_apt_runs(tools: Path) -> None:
    apt(tools, outcome='"$POLICY_RC_D"; [ $? -eq 101 ]')
    assert apt_install("sl", path=tools).returncode == 0
    assert not (tools / "policy-rc.d").exists()


def test_a_policy_of_the_administrator_is_kept(tools: Path) -> None:
    apt(tools)
    command(tools, "policy-rc.d", "exit 0")
    assert apt_install("sl", path=tools).returncode == 0
    assert (tools / "policy-rc.d").exists()


def test_an_installation_that_fails_is_tried_again_with_fresh_lists_and_then_explained(tools: Path) -> None:
    apt(tools, outcome='case "$*" in update*) ;; *) exit 100 ;; esac')
    done = apt_install("sl", path=tools)
    assert done.returncode == 1
    assert " update --quiet" in "\n".join(asked(tools))
    assert "apt-get failed" in done.stderr


def test_installed_packages_need_neither_root_nor_the_network(tools: Path) -> None:
    apt(tools)
    command(tools, "id", "echo 1000")
    command(tools, "dpkg-query", "printf installed")
    assert apt_install("sl", path=tools).returncode == 0
    assert not (tools / "log").exists()


def test_without_a_package_it_prints_its_usage() -> None:
    done = apt_install()
    assert (done.returncode, done.stderr) == (2, "usage: apt-install PACKAGE...\n")
