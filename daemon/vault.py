"""Secrets at rest: sealed with AES-256-GCM under a key derived from the master key, each bound to its place.

A sealed value is: version (1 byte), id of the master key (8), nonce (12), ciphertext with its tag (16). The context
(`table|id|column`) is authenticated with it, so a value copied to another row does not open there.
"""

import hmac
import os
import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import MutableMapping
from hashlib import sha256
from pathlib import Path

import structlog
from attrs import define, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daemon.errors import QiaodError
from daemon.secret import Redactor, Secret

log = structlog.get_logger()

KEY_BYTES = 32
VARIABLE = "QIAOD_MASTER_KEY"
CREDENTIAL = "master-key"
_VERSION = b"\x01"
_ID = 8
_NONCE = 12  # random; far below the 2^32 values one key may seal
_HEAD = len(_VERSION) + _ID + _NONCE


class WrongKey(QiaodError):
    """Sealed with another master key; `facts` name both by their ids."""


class Corrupt(QiaodError):
    """Sealed with our key, and changed since, or brought here from another place."""


class NoKey(QiaodError):
    """No usable master key."""


@define
class Vault:
    """Seals and opens. Every secret it opens is known to the redactor from then on."""

    _master: bytes = field(repr=False)
    redactor: Redactor
    _aead: AESGCM = field(init=False, repr=False)
    _id: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._aead = AESGCM(self.derive("qiaod/kek/v1"))
        self._id = self.derive("qiaod/key-id/v1")[:_ID]

    @property
    def key_id(self) -> str:
        """Names the master key without telling anything about it."""
        return self._id.hex()

    def derive(self, label: str) -> bytes:
        """32 bytes for one purpose: the pepper of API keys, the audit chain, cursors, …"""
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label.encode()).derive(self._master)

    def pepper(self) -> Secret:
        """What API keys are hashed with."""
        return Secret(self.derive("qiaod/api-key-pepper/v1").hex())

    def audit_key(self) -> bytes:
        """What the audit log is chained with."""
        return self.derive("qiaod/audit-chain/v1")

    def seal(self, context: str, secret: Secret) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + self._id + nonce + self._aead.encrypt(nonce, secret.reveal().encode(), context.encode())

    def open(self, context: str, sealed: bytes) -> Secret:
        """WrongKey, Corrupt, or the secret."""
        if len(sealed) < _HEAD or not sealed.startswith(_VERSION):
            raise Corrupt("vault.corrupt", context=context)
        key_id, nonce = sealed[1 : 1 + _ID], sealed[1 + _ID : _HEAD]
        if key_id != self._id:
            raise WrongKey("vault.wrong_key", wanted=key_id.hex(), given=self.key_id)
        try:
            plain = self._aead.decrypt(nonce, sealed[_HEAD:], context.encode())
        except InvalidTag as error:
            raise Corrupt("vault.corrupt", context=context) from error
        secret = Secret(plain.decode())
        self.redactor.add(secret)
        return secret

    def check_value(self) -> str:
        """What the store keeps, to know the next time whether it is given the same master key."""
        proof = hmac.new(self.derive("qiaod/key-check/v1"), b"qiaod", sha256).hexdigest()
        return f"{self.key_id}:{proof}"

    def confirm(self, check_value: str) -> None:
        """WrongKey unless `check_value` was made with this master key."""
        if not hmac.compare_digest(check_value.encode(), self.check_value().encode()):
            raise WrongKey("vault.wrong_key", wanted=check_value.partition(":")[0], given=self.key_id)


@frozen
class Found:
    key: bytes = field(repr=False)
    source: str  # a path, or the variable
    created: bool = False


def find_master_key(file: Path, environ: MutableMapping[str, str], *, may_create: bool) -> Found:
    """The systemd credential, else the key file, else the variable, else a new key file where there is no store yet.

    The variable is taken out of the environment in any case, so that no child and no crash dump shows it.
    """
    variable = environ.pop(VARIABLE, "")
    credential = Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), CREDENTIAL)
    if credential.is_file():
        return Found(_key(credential.read_bytes(), str(credential)), str(credential))
    if file.exists():
        return Found(_key(_read_private(file), str(file)), str(file))
    if variable:
        log.warning("master_key.from_environment", hint="other processes of this user can read it: use a credential")
        return Found(_key(variable.encode(), VARIABLE), VARIABLE)
    if not may_create:
        raise NoKey("vault.no_key", path=file)
    return Found(_create(file), str(file), created=True)


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
    key = secrets.token_bytes(KEY_BYTES)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(f"{key.hex()}\n".encode())
        stream.flush()
        os.fsync(stream.fileno())
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # a key that a power cut takes away takes every secret with it
    finally:
        os.close(directory)
    log.warning(
        "master_key.created",
        path=str(file),
        hint="back it up apart from the store; better, move it into the systemd credential master-key",
    )
    return key
