"""The master key: where it comes from, and how a new one takes its place.

The systemd credential `master-key`, else the key file, else the environment. Older ones, which sealed values may still
want, are found beside it: the credential `master-key-old`, the files `<id>.old-key` in the key file's directory, and
QIAOD_MASTER_KEY_OLD.
"""

import hmac
import os
import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, MutableMapping
from functools import partial
from pathlib import Path

import structlog
from attrs import evolve, field, frozen

from daemon.credentials import taken
from daemon.errors import Conflict, QiaodError
from daemon.secret import Redactor
from daemon.vault import KEY_BYTES, Vault, key_id_of

log = structlog.get_logger()

VARIABLE, OLD_VARIABLE = "QIAOD_MASTER_KEY", "QIAOD_MASTER_KEY_OLD"
CREDENTIAL, OLD_CREDENTIAL = "master-key", "master-key-old"
OLD_SUFFIX = ".old-key"
MOST_OLD = 100  # key files that are read


class NoKey(QiaodError):
    """No usable master key."""


@frozen
class Found:
    key: bytes = field(repr=False)
    source: str  # a path, or the variable
    created: bool = False
    old: tuple[bytes, ...] = field(default=(), repr=False)
    file: Path | None = None  # where it is a file of ours, which a rotation may replace

    @property
    def kind(self) -> str:
        """The source without a path: file, environment or credential."""
        if self.file is not None:
            return "file"
        return "environment" if self.source == VARIABLE else "credential"


def find_master_key(file: Path, environ: MutableMapping[str, str], *, may_create: bool) -> Found:
    """The systemd credential, else the key file, else the variable, else a new key file where there is no store yet.

    The variables are taken out of the environment in any case, so that no child and no crash dump shows them.
    """
    variable, old_variable = taken(environ, VARIABLE), taken(environ, OLD_VARIABLE)
    credentials = Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"))
    found = _current(file, credentials, variable)
    if found is None and not may_create:
        raise NoKey("vault.no_key", path=file)
    found = found or Found(_create(file), str(file), created=True, file=file)
    # The old ones last: a rotation of the running daemon keeps the one before, then replaces it.
    return evolve(found, old=tuple(_old_keys(file, credentials, old_variable)))


def _current(file: Path, credentials: Path, variable: str) -> Found | None:
    credential = credentials / CREDENTIAL
    if credential.is_file():
        return Found(_key(credential.read_bytes(), str(credential)), str(credential))
    if file.exists():
        return Found(_key(_read_private(file), str(file)), str(file), file=file)
    if variable:
        log.warning("master_key.from_environment", hint="other processes of this user can read it: use a credential")
        return Found(_key(variable.encode(), VARIABLE), VARIABLE)
    return None


def vault_of(found: Found, redactor: Redactor) -> Vault:
    keeper = None if found.file is None else partial(replace, found.file)
    return Vault(found.key, redactor, found.old, source=found.kind, keeper=keeper)


def replace(file: Path, current: bytes, fresh: bytes) -> None:
    """The master key `fresh` in the place of `current`, which is kept beside it under its id.

    Both are on the disk before this returns: a crash at any moment leaves a file that opens what is sealed. Refused
    where the file holds another key than the one that is in use: whoever put it there did not mean it to be replaced,
    and the one in use would be nowhere.
    """
    if not hmac.compare_digest(_key(_read_private(file), str(file)), current):
        raise Conflict("secrets.key_file_differs")
    _put(file.parent / f"{key_id_of(current).hex()}{OLD_SUFFIX}", current)
    _put(file, fresh)


def _old_keys(file: Path, credentials: Path, variable: str) -> Iterator[bytes]:
    credential = credentials / OLD_CREDENTIAL
    if credential.is_file():
        yield _key(credential.read_bytes(), str(credential))
    if variable:
        yield _key(variable.encode(), OLD_VARIABLE)
    newest_first = sorted(file.parent.glob(f"*{OLD_SUFFIX}"), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for kept in newest_first[:MOST_OLD]:
        try:
            yield _key(_read_private(kept), str(kept))
        except NoKey as error:  # where it is wanted after all, whoever wants it names it
            log.error("master_key.old_key_unusable", path=str(kept), reason=str(error))


def _key(written: bytes, source: str) -> bytes:
    """From 64 hexadecimal digits, from base64, or the 32 bytes themselves."""
    if len(written) == KEY_BYTES:
        return written
    line = written.strip()
    try:
        key = bytes.fromhex(line.decode()) if len(line) == KEY_BYTES * 2 else b64decode(line, validate=True)
    except (NotBase64, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise NoKey("vault.no_master_key", source=source)
    return key


def _read_private(file: Path) -> bytes:
    """Refused where another user could have read or written it."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
            raise NoKey("vault.key_exposed", path=file)
        return stream.read(4096)


def _create(file: Path) -> bytes:
    """Of two that start at once the first one's key counts: the other is told that the directory is in use."""
    key = new_key()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _written(file, key)
    try:
        file.hardlink_to(fresh)
    except FileExistsError:
        return _key(_read_private(file), str(file))
    finally:
        fresh.unlink()
    _sync(file.parent)
    log.warning(
        "master_key.created",
        path=str(file),
        hint="back it up apart from the store; better, move it into the systemd credential master-key",
    )
    return key


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _put(file: Path, key: bytes) -> None:
    """Whole under its name or not at all: half a key would keep the daemon from starting."""
    _written(file, key).rename(file)
    _sync(file.parent)


def _written(file: Path, key: bytes) -> Path:
    """The key in a file beside, under a name that nothing looks for."""
    beside = file.with_name(f"{file.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(f"{key.hex()}\n".encode())
        stream.flush()
        os.fsync(stream.fileno())
    return beside


def _sync(directory: Path) -> None:
    """A key that a power cut takes away takes every secret with it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
