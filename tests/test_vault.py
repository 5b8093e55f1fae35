"""Secrets at rest: what opens, what does not, and where the master key comes from."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import QiaodError
from daemon.master_key import VARIABLE, NoKey, find_master_key
from daemon.secret import Redactor, Secret
from daemon.vault import Corrupt, Vault, WrongKey, derive

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
CONTEXT = "accounts|0198|token"


def vault(key: bytes = KEY) -> Vault:
    return Vault(key, Redactor())


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_sealed_opens_in_its_own_place(text: str, context: str) -> None:
    ours = vault()
    assert vault().open(context, ours.seal(context, Secret(text))).reveal() == text


def test_the_same_secret_never_looks_the_same_twice_and_never_shows() -> None:
    ours = vault()
    first, second = (ours.seal(CONTEXT, Secret("gewe-token-abc")) for _ in range(2))
    assert first != second
    assert b"gewe" not in first


def test_a_value_copied_to_another_row_does_not_open_there() -> None:
    sealed = vault().seal(CONTEXT, Secret("token"))
    with pytest.raises(Corrupt):
        vault().open("accounts|0199|token", sealed)


@given(st.integers(min_value=9), st.integers(min_value=1, max_value=255))
def test_no_bit_of_it_can_be_changed_unnoticed(position: int, change: int) -> None:
    sealed = bytearray(vault().seal(CONTEXT, Secret("a secret of some length")))
    sealed[9 + position % (len(sealed) - 9)] ^= change
    with pytest.raises(Corrupt):
        vault().open(CONTEXT, bytes(sealed))


def test_a_wrong_key_is_told_apart_from_a_damaged_value_and_the_wanted_one_is_named() -> None:
    sealed = vault().seal(CONTEXT, Secret("token"))
    with pytest.raises(WrongKey) as caught:
        vault(OTHER).open(CONTEXT, sealed)
    assert caught.value.facts == {"wanted": vault().key_id, "given": vault(OTHER).key_id}
    assert vault().key_id in str(caught.value)


@pytest.mark.parametrize("sealed", [b"", b"\x01short", b"\x02" + bytes(60), bytes(60)])
def test_what_was_never_sealed_is_corrupt(sealed: bytes) -> None:
    with pytest.raises(Corrupt):
        vault().open(CONTEXT, sealed)


def test_an_opened_secret_is_redacted_from_then_on() -> None:
    redactor = Redactor()
    sealed = vault().seal(CONTEXT, Secret("gewe-token-abc"))
    Vault(KEY, redactor).open(CONTEXT, sealed)
    assert redactor.clean("refused: gewe-token-abc") == "refused: ***"


def test_each_label_gives_its_own_key_and_each_master_key_another() -> None:
    keys = {derive(key, label) for key in (KEY, OTHER) for label in ("a", "b")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
    assert derive(KEY, "a") == derive(KEY, "a")


def test_the_store_knows_its_own_master_key_again() -> None:
    value = vault().check_value()
    vault().confirm(value)
    with pytest.raises(WrongKey) as caught:
        vault(OTHER).confirm(value)
    assert caught.value.facts["wanted"] == vault().key_id


def test_a_vault_shows_no_key() -> None:
    assert KEY.hex() not in repr(vault())
    assert repr(KEY) not in repr(vault())


def written(path: Path, content: bytes, mode: int = 0o400) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_credential_comes_before_the_file_and_the_file_before_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "state/master.key"
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"), VARIABLE: "03" * 32}
    assert find_master_key(file, environ.copy(), may_create=False).key == b"\x03" * 32
    written(file, b"02" * 32)
    assert find_master_key(file, environ.copy(), may_create=False).key == b"\x02" * 32
    written(tmp_path / "credentials/master-key", b"01" * 32)
    assert find_master_key(file, environ.copy(), may_create=False).key == b"\x01" * 32


def test_the_variable_is_gone_once_it_was_looked_at_even_if_it_was_not_used(tmp_path: Path) -> None:
    file = written(tmp_path / "master.key", b"02" * 32)
    environ = {VARIABLE: "03" * 32}
    find_master_key(file, environ, may_create=False)
    assert VARIABLE not in environ


@pytest.mark.parametrize(
    "content", [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n", b64encode(KEY) + b"\n"]
)
def test_a_key_may_be_raw_hexadecimal_or_base64(tmp_path: Path, content: bytes) -> None:
    assert find_master_key(written(tmp_path / "k", content), {}, may_create=False).key == KEY


@pytest.mark.parametrize("content", [b"", b"short", b"zz" * 32, b"00" * 31, b"\xff" * 33, "é".encode() * 32])
def test_what_is_no_key_is_refused_by_its_source(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NoKey) as caught:
        find_master_key(written(tmp_path / "k", content), {}, may_create=True)
    assert caught.value.code == "vault.no_master_key"
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o620])
def test_a_key_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(NoKey) as caught:
        find_master_key(written(tmp_path / "k", KEY, mode), {}, may_create=True)
    assert caught.value.code == "vault.key_exposed"


def test_the_first_start_makes_a_key_that_the_next_one_finds(tmp_path: Path) -> None:
    file = tmp_path / "state/master.key"
    made = find_master_key(file, {}, may_create=True)
    again = find_master_key(file, {}, may_create=False)
    assert (made.created, again.created) == (True, False)
    assert made.key == again.key
    assert file.stat().st_mode & 0o777 == 0o400
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_store_without_its_key_never_gets_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    with pytest.raises(NoKey) as caught:
        find_master_key(file, {}, may_create=False)
    assert caught.value.code == "vault.no_key"
    assert not file.exists()


def test_no_error_of_the_vault_shows_a_key(tmp_path: Path) -> None:
    said: list[str] = []
    for content in (KEY[:31], KEY.hex()[:-1].encode()):
        with pytest.raises(QiaodError) as caught:
            find_master_key(written(tmp_path / os.urandom(4).hex(), content), {}, may_create=True)
        said.append(f"{caught.value} {caught.value.facts}")
    assert not any(KEY.hex()[:16] in line or repr(KEY[:8])[2:-1] in line for line in said)
