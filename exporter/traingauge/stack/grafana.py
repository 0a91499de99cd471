"""How an installed Grafana is started: from the shipped provisioning, on the loopback, without a login."""

from __future__ import annotations

from pathlib import Path

from traingauge.bundle import places

from .errors import ConfigError

#: Where packages put Grafana's own files; release archives have them next to the program.
_PACKAGED_HOME = Path("/usr/share/grafana")


def grafana_command(program: Path, port: int, directory: Path) -> list[str | Path]:
    """The command line of Grafana on a port.

    Args:
        program: ``grafana``, or ``grafana-server`` as it was called before version 10.
        port: The port on 127.0.0.1.
        directory: For its data.

    Raises:
        ConfigError: Grafana's own files are not where packages and archives have them.
    """
    server = [program] if program.name == "grafana-server" else [program, "server"]
    settings = {
        "server.http_addr": "127.0.0.1",
        "server.http_port": port,
        "paths.data": directory,
        "paths.logs": directory / "log",
        "paths.plugins": directory / "plugins",
        "paths.provisioning": places.GRAFANA_PROVISIONING,
        "log.mode": "console",
        "auth.anonymous.enabled": "true",
        "auth.anonymous.org_role": "Viewer",
        # There is no admin and no password: without these, admin:admin would work.
        "auth.disable_login_form": "true",
        "auth.basic.enabled": "false",
        "security.disable_initial_admin_creation": "true",
        "analytics.reporting_enabled": "false",
        "analytics.check_for_updates": "false",
        "analytics.check_for_plugin_updates": "false",
    }
    return [
        *server,
        f"--homepath={home(program)}",
        *(f"cfg:{key}={value}" for key, value in settings.items()),
    ]


def grafana_environment(prometheus_url: str) -> dict[str, str]:
    """The environment variables that the provisioning files use."""
    return {"PROMETHEUS_URL": prometheus_url, "DASHBOARDS": str(places.DASHBOARDS)}


def home(program: Path) -> Path:
    """The folder with Grafana's own files for a program.

    Raises:
        ConfigError: It is neither where packages nor where release archives put it.
    """
    beside = program.resolve().parent.parent
    for folder in (beside, beside / "share/grafana", _PACKAGED_HOME):
        if (folder / "conf/defaults.ini").exists():
            return folder
    raise ConfigError(
        f"{program}: found Grafana's conf/defaults.ini neither in {beside} nor in {_PACKAGED_HOME}"
    )
