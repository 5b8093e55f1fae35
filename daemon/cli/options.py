"""What several subcommands take: which settings to read, and in which form to answer."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from daemon import log
from daemon.clock import SystemClock
from daemon.secret import Redactor
from daemon.settings import Settings, load
from daemon.settings_sections import Log

F = TypeVar("F", bound=Callable[..., Any])

SYSTEM = Path("/etc/qiaod/qiaod.toml")


def config_option(command: F) -> F:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar="QIAOD_CONFIG",
        metavar="FILE",
        help="The settings. [default: ~/.config/qiaod/qiaod.toml, /etc/qiaod/qiaod.toml, or none]",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")(command)


def file_of(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file: the one named, else the user's, else the system's, else none."""
    if config is not None:
        return config
    home = environ.get("XDG_CONFIG_HOME", "")
    mine = (Path(home) if home.startswith("/") else Path(environ.get("HOME", "/"), ".config")) / "qiaod/qiaod.toml"
    return next((path for path in (mine, SYSTEM) if path.exists()), None)


def settings_of(config: Path | None) -> Settings:
    """Also sends what the daemon's own parts log to stderr, from warnings up: stdout is for the answer."""
    log.configure(Log(level="warning"), Redactor(), log.Floods(SystemClock()), stream=sys.stderr, environ={})
    return load(file_of(config, os.environ), os.environ)
