"""Secrets that the daemon is started with: where they come from, and what is refused."""

from pathlib import Path

import pytest

from daemon.credentials import BadCredential, find_secret
from daemon.secret import Secret

VARIABLE = "QIAOD_SUPABASE_KEY"


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_credential_comes_before_a_file_and_a_file_before_the_variable(tmp_path: Path) -> None:
    file = private(tmp_path / "file", "from-file\n")
    (tmp_path / "supabase-key").write_text("from-credential\n")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path), VARIABLE: "from-variable"}
    assert find_secret("supabase-key", file, VARIABLE, given) == Secret("from-credential")
    assert find_secret("other", file, VARIABLE, {VARIABLE: "from-variable"}) == Secret("from-file")
    assert find_secret("other", None, VARIABLE, {VARIABLE: "from-variable"}) == Secret("from-variable")
    assert find_secret("other", None, VARIABLE, {}) is None


def test_the_variable_is_taken_out_of_the_environment_even_where_it_is_not_used(tmp_path: Path) -> None:
    environ = {VARIABLE: "x"}
    find_secret("other", private(tmp_path / "file", "y"), VARIABLE, environ)
    assert environ == {}


@pytest.mark.parametrize(("text", "code"), [("", "unreadable"), ("a\nb", "unreadable"), ("é", "unreadable")])
def test_a_file_without_one_secret_in_it_is_refused(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(BadCredential) as caught:
        find_secret("other", private(tmp_path / "file", text), VARIABLE, {})
    assert caught.value.code == f"credential.{code}"
    assert caught.value.exit_code == 78


def test_a_file_that_others_can_read_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    file = private(tmp_path / "file", "secret")
    file.chmod(0o640)
    for path, code in ((file, "credential.exposed"), (tmp_path / "none", "credential.unreadable")):
        with pytest.raises(BadCredential) as caught:
            find_secret("other", path, VARIABLE, {})
        assert caught.value.code == code
