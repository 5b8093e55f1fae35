"""Secrets at rest: sealed with AES-256-GCM under a key derived from the master key, each bound to its place.

A sealed value is: version (1 byte), id of the master key (8), nonce (12), ciphertext with its tag (16). The context
(`table|id|column`) is authenticated with it, so a value copied to another row does not open there.
"""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256

from attrs import define, field
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daemon.errors import Conflict, QiaodError
from daemon.secret import Redactor, Secret

KEY_BYTES = 32
_VERSION = b"\x01"
_ID = 8
_NONCE = 12  # random; far below the 2^32 values one key may seal
_HEAD = len(_VERSION) + _ID + _NONCE


class WrongKey(QiaodError):
    """Sealed with another master key; `facts` name both by their ids."""


class Corrupt(QiaodError):
    """Sealed with our key, and changed since, or brought here from another place."""


def derive(master: bytes, label: str) -> bytes:
    """32 bytes for one purpose."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label.encode()).derive(master)


def key_id_of(master: bytes) -> bytes:
    """Names a master key without telling anything about it."""
    return derive(master, "qiaod/key-id/v1")[:_ID]


def sealed_with(sealed: bytes) -> bytes:
    """The id of the master key that a sealed value wants."""
    return sealed[1 : 1 + _ID]


@define
class Vault:
    """Seals with one master key, opens with that and older ones. Every secret it opens is known to the redactor.

    Used on the threads of the store: whatever `adopt` changes, it puts in place whole, and the key that seals last.
    """

    _master: bytes = field(repr=False)
    redactor: Redactor
    _old: Sequence[bytes] = field(default=(), repr=False)  # what sealed values may still want
    source: str = field(default="", kw_only=True)  # of the master key, for people
    keeper: Callable[[bytes, bytes], None] | None = field(default=None, kw_only=True)  # puts a new key in its place
    on_failure: Callable[[str, str], None] = field(default=lambda *_: None, kw_only=True)  # a context, and the code
    _keys: dict[bytes, AESGCM] = field(factory=dict, init=False, repr=False)
    _sealing: tuple[bytes, AESGCM] = field(init=False, repr=False)  # the id and the key, read at once

    def __attrs_post_init__(self) -> None:
        for master in (self._master, *self._old):
            self._know(master)
        self._seal_with(self._master)

    @property
    def id(self) -> bytes:
        return self._sealing[0]

    @property
    def key_id(self) -> str:
        """Names the master key that seals now."""
        return self.id.hex()

    @property
    def old_ids(self) -> list[str]:
        return [key.hex() for key in list(self._keys) if key != self.id]

    def opens(self, key_id: bytes) -> bool:
        """Whether we have that master key."""
        return key_id in self._keys

    def keep(self, master: bytes) -> None:
        """Put a new master key in the place of the one that seals now, durably. `adopt` it then."""
        if self.keeper is None:
            raise Conflict("secrets.key_not_ours", source=self.source)
        self.keeper(self._master, master)

    def adopt(self, master: bytes) -> None:
        """Seal with another master key from now on; what the one before sealed still opens."""
        self._know(master)
        self._old = (*self._old, self._master)
        self._master = master
        self._seal_with(master)

    def root(self, label: str, check_value: str) -> Secret:
        """What a store began with for one purpose: of the master key that its first check value was made with."""
        for master in (self._master, *self._old):
            if hmac.compare_digest(check_value.encode(), _check_value(master).encode()):
                return Secret(derive(master, label).hex())
        raise WrongKey("vault.wrong_key", wanted=check_value.partition(":")[0], given=self.key_id)

    def seal(self, context: str, secret: Secret) -> bytes:
        (key_id, key), nonce = self._sealing, secrets.token_bytes(_NONCE)
        return _VERSION + key_id + nonce + key.encrypt(nonce, secret.reveal().encode(), context.encode())

    def open(self, context: str, sealed: bytes) -> Secret:
        """WrongKey, Corrupt, or the secret."""
        try:
            secret = self._opened(context, sealed)
        except (WrongKey, Corrupt) as error:
            self.on_failure(context, error.code)
            raise
        self.redactor.add(secret)
        return secret

    def _opened(self, context: str, sealed: bytes) -> Secret:
        if len(sealed) < _HEAD or not sealed.startswith(_VERSION):
            raise Corrupt("vault.corrupt", context=context)
        key_id, nonce = sealed_with(sealed), sealed[1 + _ID : _HEAD]
        if key_id not in self._keys:
            raise WrongKey("vault.wrong_key", wanted=key_id.hex(), given=self.key_id)
        try:
            plain = self._keys[key_id].decrypt(nonce, sealed[_HEAD:], context.encode())
        except InvalidTag as error:
            raise Corrupt("vault.corrupt", context=context) from error
        return Secret(plain.decode())

    def check_value(self) -> str:
        """What the store keeps, to know the next time whether it is given the same master key."""
        return _check_value(self._master)

    def confirm(self, check_value: str) -> bool:
        """True: made with the master key that seals now. False: with an old one of ours. WrongKey: with neither."""
        for master in (self._master, *self._old):
            if hmac.compare_digest(check_value.encode(), _check_value(master).encode()):
                return master == self._master
        raise WrongKey("vault.wrong_key", wanted=check_value.partition(":")[0], given=self.key_id)

    def _know(self, master: bytes) -> None:
        self.redactor.add(Secret(master.hex()), Secret(b64encode(master).decode()))
        self._keys[key_id_of(master)] = AESGCM(derive(master, "qiaod/kek/v1"))

    def _seal_with(self, master: bytes) -> None:
        key_id = key_id_of(master)
        self._sealing = key_id, self._keys[key_id]


def _check_value(master: bytes) -> str:
    proof = hmac.new(derive(master, "qiaod/key-check/v1"), b"qiaod", sha256).hexdigest()
    return f"{key_id_of(master).hex()}:{proof}"
