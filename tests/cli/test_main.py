"""The command line as a whole: its commands, its exit statuses, its errors."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from traingauge import __version__
from traingauge.cli import main as cli
from traingauge.cli.main import COMMANDS, main
from traingauge.errors import TrainGaugeError

ROOT = Path(__file__).resolve().parents[2]


def command(run):
    return SimpleNamespace(SUMMARY="A command of a test.", configure=lambda parser: None, run=run)


def failing(error):
    def run(_options):
        raise error

    return command(run)


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"traingauge {__version__}\n"


def test_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, listed in COMMANDS.items():
        assert f"{name} {listed.SUMMARY}" in said


def test_every_file_of_the_package_that_is_a_command_is_listed():
    names = [path.stem for path in Path(cli.__file__).parent.glob("*.py")]
    modules = {
        name: importlib.import_module(f"traingauge.cli.{name}") for name in names if name != "__init__"
    }
    assert {name for name, module in modules.items() if hasattr(module, "SUMMARY")} == set(COMMANDS)


def test_a_new_command_is_one_entry_of_the_mapping(monkeypatch, capsys):
    toy = command(lambda options: sys.stdout.write("done\n"))
    monkeypatch.setattr(cli, "COMMANDS", {**COMMANDS, "toy": toy})
    assert main(["toy"]) == 0
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize(
    "error",
    [TrainGaugeError("broken"), OSError("broken"), ImportError("broken")],
    ids=lambda e: type(e).__name__,
)
def test_a_failure_is_one_line_on_standard_error_and_status_1(monkeypatch, capsys, error):
    monkeypatch.setattr(cli, "COMMANDS", {"toy": failing(error)})
    assert main(["toy"]) == 1
    assert capsys.readouterr() == ("", "traingauge: broken\n")


def test_an_interruption_is_status_130(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", {"toy": failing(KeyboardInterrupt())})
    assert main(["toy"]) == 130


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["state"], ["state", "show"]])
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: traingauge")


def test_output_that_nothing_reads_ends_the_command_quietly():
    script = """
import sys
from types import SimpleNamespace
from traingauge.cli import main as cli
write = lambda options: [print("line") for _ in range(100_000)]
cli.COMMANDS = {"toy": SimpleNamespace(SUMMARY="", configure=lambda parser: None, run=write)}
sys.exit(cli.main(["toy"]))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, said = process.communicate()
    assert (process.returncode, said) == (141, b"")


def test_the_installed_program_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["traingauge"].partition(":")
    assert getattr(importlib.import_module(module), function) is main
