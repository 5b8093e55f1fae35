"""`qiaod backup` and `qiaod restore`: the store into a file, and back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.options import config_option, json_option, settings_of
from daemon.clock import SystemClock
from daemon.errors import Invalid, NotFound

if TYPE_CHECKING:
    from daemon.store.backup import Report


@click.command()
@config_option
@json_option
@click.option("--to", type=click.Path(path_type=Path), metavar="DIR", help="Where to. [default: store.backup_dir]")
def backup(config: Path | None, as_json: bool, to: Path | None) -> None:
    """Copy the store to a file, while the daemon runs.

    The copy is checked before it gets its name, and a SHA-256 is put beside it. Secrets in it are sealed: keep the
    master key, in another place.
    """
    from daemon.store.backup import make

    settings = settings_of(config)
    if not settings.database.exists():
        raise NotFound("cli.no_store", path=settings.database)
    _tell(make(settings.database, to or settings.backups, SystemClock()), as_json)


@click.command()
@config_option
@json_option
@click.argument("file", type=click.Path(path_type=Path), metavar="BACKUP")
@click.option("--dry-run", is_flag=True, help="Only check the backup.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(config: Path | None, as_json: bool, file: Path, dry_run: bool, yes: bool) -> None:
    """Put BACKUP in the place of the store.

    The daemon must be stopped. The store as it is now is moved aside, not deleted. What waited to be sent when the
    backup was made is not sent: it may have gone out since.
    """
    from daemon.store.backup import restore as put_back
    from daemon.store.backup import verify

    settings = settings_of(config)
    report = verify(file)
    _tell(report, as_json)
    if not report.whole:
        raise Invalid("store.backup_bad", path=file, reason="; ".join(report.problems))
    if dry_run:
        return
    if not yes:
        click.confirm(f"Put it in the place of {settings.database}?", abort=True, err=True)
    settings.daemon.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    put_back(file, settings.daemon.state_dir, SystemClock())
    click.echo(f"{settings.database} is restored. Start the daemon.", err=True)


def _tell(report: "Report", as_json: bool) -> None:
    if as_json:
        facts = {
            "path": str(report.path),
            "bytes": report.bytes,
            "sha256": report.sha256,
            "schema": report.schema,
            "rows": dict(report.rows),
            "problems": list(report.problems),
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    rows = ", ".join(f"{count} {table}" for table, count in report.rows.items())
    click.echo(f"{report.path}  {report.bytes / 1e6:.1f} MB  schema {report.schema}  {rows}")
    for problem in report.problems:
        click.echo(f"  {problem}", err=True)
