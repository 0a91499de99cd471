"""How Grafana is started. It is not a Debian package, so these tests check its command line and environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from traingauge.bundle import places
from traingauge.stack import documents
from traingauge.stack.errors import ConfigError
from traingauge.stack.grafana import grafana_command, grafana_environment

ROOT = Path(__file__).parents[2]


def installed(folder: Path, program: str, home: str = ".") -> Path:
    (folder / home / "conf").mkdir(parents=True)
    (folder / home / "conf/defaults.ini").touch()
    (folder / "bin").mkdir()
    (folder / "bin" / program).touch()
    return folder / "bin" / program


@pytest.mark.parametrize("home", [".", "share/grafana"])
def test_its_own_files_are_found_next_to_the_program(tmp_path: Path, home: str) -> None:
    program = installed(tmp_path, "grafana", home)
    assert f"--homepath={(tmp_path / home).resolve()}" in grafana_command(program, 3000, tmp_path)


@pytest.mark.parametrize(("name", "start"), [("grafana", ["server"]), ("grafana-server", [])])
def test_old_and_new_programs_are_started_each_in_its_way(
    tmp_path: Path, name: str, start: list[str]
) -> None:
    program = installed(tmp_path, name)
    before_the_flags = [part for part in grafana_command(program, 3000, tmp_path) if "=" not in str(part)]
    assert before_the_flags == [program, *start]


def test_it_listens_on_the_loopback_with_the_shipped_provisioning_and_without_a_login(tmp_path: Path) -> None:
    command = grafana_command(installed(tmp_path, "grafana"), 3001, tmp_path / "data")
    assert set(command) >= {
        "cfg:server.http_addr=127.0.0.1",
        "cfg:server.http_port=3001",
        f"cfg:paths.data={tmp_path / 'data'}",
        f"cfg:paths.provisioning={places.GRAFANA_PROVISIONING}",
        "cfg:auth.anonymous.enabled=true",
        "cfg:auth.anonymous.org_role=Viewer",
    }


def test_no_password_works_wherever_it_is_deployed(tmp_path: Path) -> None:
    command = grafana_command(installed(tmp_path, "grafana"), 3001, tmp_path / "data")
    assert set(command) >= {
        "cfg:auth.disable_login_form=true",
        "cfg:auth.basic.enabled=false",
        "cfg:security.disable_initial_admin_creation=true",
    }
    expected = {
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_AUTH_BASIC_ENABLED": "false",
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
    }
    compose = documents.load(ROOT / "deploy/compose/compose.yaml")["services"]["grafana"]["environment"]
    assert compose.items() >= expected.items()
    *_, deployment = yaml.safe_load_all((ROOT / "deploy/kubernetes/grafana.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one["value"] for one in container["env"]}.items() >= expected.items()


def test_the_provisioning_and_the_dashboards_are_there() -> None:
    assert list(places.GRAFANA_PROVISIONING.glob("*/*.yml"))
    assert list(Path(grafana_environment("http://127.0.0.1:9090")["DASHBOARDS"]).glob("*.json"))


def test_a_program_without_its_own_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traingauge.stack.grafana._PACKAGED_HOME", tmp_path)
    with pytest.raises(ConfigError, match=r"found Grafana's conf/defaults\.ini neither in"):
        grafana_command(tmp_path / "bin/grafana", 3000, tmp_path)
