from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from traingauge.stack.errors import MissingProgramsError, OldProgramError
from traingauge.stack.programs import APT_INSTALL, SERVERS_VARIABLE, advice, find_programs, main


def program(folder: Path, name: str, answer: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{answer}'\n")
    file.chmod(0o755)


def servers(folder: Path, version: str = "3.5.0") -> None:
    for name in ("prometheus", "promtool", "alertmanager", "amtool"):
        program(folder, name, f"{name}, version {version} (branch: HEAD)")


@pytest.mark.servers
def test_the_installed_servers_are_found_with_their_versions() -> None:
    programs = find_programs()
    for one in (programs.prometheus, programs.promtool, programs.alertmanager, programs.amtool):
        assert one.path.is_file()
        assert re.match(r"\d+\.\d+", one.version)


@pytest.mark.parametrize("layout", [".", "bin", "usr/bin", "prometheus-3.5.0.linux-amd64"])
def test_a_folder_of_servers_is_looked_in_before_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    servers(tmp_path / layout)
    monkeypatch.setenv(SERVERS_VARIABLE, str(tmp_path))
    programs = find_programs(install=False)
    assert programs.prometheus.path == tmp_path / layout / "prometheus"
    assert programs.prometheus.version == "3.5.0"


def test_debians_name_of_alertmanager_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers(tmp_path)
    (tmp_path / "alertmanager").rename(tmp_path / "prometheus-alertmanager")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_programs(install=False).alertmanager.path.name == "prometheus-alertmanager"


@pytest.mark.parametrize(
    ("name", "answer", "version"),
    [
        ("grafana", "grafana version 11.3.0", "11.3.0"),
        ("grafana-server", "Version 9.4.7 (commit: x, branch: HEAD)", "9.4.7"),
        ("grafana", "nothing to say", "unknown"),
    ],
)
def test_grafana_is_found_by_either_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: str, version: str
) -> None:
    servers(tmp_path)
    program(tmp_path, name, answer)
    monkeypatch.setenv(SERVERS_VARIABLE, str(tmp_path))
    grafana = find_programs(install=False).grafana
    assert grafana is not None
    assert (grafana.path.name, grafana.version) == (name, version)


def test_a_missing_server_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers(tmp_path)
    (tmp_path / "alertmanager").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("traingauge.stack.programs._SYSTEM_FOLDERS", ())
    with pytest.raises(MissingProgramsError) as raised:
        find_programs(install=False)
    assert raised.value.missing == ("alertmanager",)
    assert "release archives" in str(raised.value)
    assert SERVERS_VARIABLE in str(raised.value)
    assert "--for compose" in str(raised.value)


def test_servers_that_an_installation_brings_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers(tmp_path / "later")
    installer = tmp_path / "apt-install"
    shell = shutil.which("sh")
    installer.write_text(f"#!{shell}\n{shutil.which('mv')} {tmp_path}/later {tmp_path}/bin\n")
    installer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("traingauge.stack.programs._SYSTEM_FOLDERS", ())
    monkeypatch.setattr("traingauge.stack.programs.APT_INSTALL", installer)
    assert find_programs().prometheus.path == tmp_path / "bin/prometheus"


@pytest.mark.servers
def test_as_a_command_it_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    said = capsys.readouterr().out
    for name, found in dataclasses.asdict(find_programs()).items():
        assert re.search(
            rf"^{name} +{re.escape(found['version']) if found else 'not found'}", said, re.MULTILINE
        )


def test_as_a_command_it_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("traingauge.stack.programs._SYSTEM_FOLDERS", ())
    monkeypatch.setattr("traingauge.stack.programs.APT_INSTALL", shutil.which("false", path="/bin:/usr/bin"))
    assert main() == 1
    assert capsys.readouterr().err.startswith("error: not found: prometheus, promtool, alertmanager, amtool")


def test_the_installer_is_executable() -> None:
    assert APT_INSTALL.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize(
    ("release", "way"),
    [
        ({"ID": "debian"}, "apt-install prometheus prometheus-alertmanager"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-install prometheus prometheus-alertmanager"),
        ({"ID": "fedora"}, "dnf install golang-github-prometheus golang-github-prometheus-alertmanager"),
        ({"ID": "arch"}, f"set {SERVERS_VARIABLE} to its path"),
    ],
)
def test_what_to_install_is_named_as_the_distribution_calls_it(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], way: str
) -> None:
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    assert way in advice()
    assert ("dnf" in advice()) == (release["ID"] == "fedora")


def test_on_macos_homebrew_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise OSError

    monkeypatch.setattr("platform.freedesktop_os_release", missing)
    monkeypatch.setattr("sys.platform", "darwin")
    assert "brew install prometheus alertmanager" in advice()
    assert "apt" not in advice()


def test_in_a_conda_environment_its_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    assert "$CONDA_PREFIX/bin" in advice()


def test_a_server_that_is_too_old_for_the_rules_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers(tmp_path, version="2.31.2+ds1")
    monkeypatch.setenv(SERVERS_VARIABLE, str(tmp_path))
    with pytest.raises(
        OldProgramError, match=r"prometheus is of version 2\.31\.2\+ds1: expected 2\.42 or newer"
    ) as raised:
        find_programs(install=False)
    assert SERVERS_VARIABLE in str(raised.value)


def test_a_server_that_does_not_say_its_version_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers(tmp_path, version="unknown")
    monkeypatch.setenv(SERVERS_VARIABLE, str(tmp_path))
    assert find_programs(install=False).prometheus.version == "unknown"
