"""The settings file: its defaults, its limits, and what is said of its mistakes."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.access import Role
from daemon.domain.account import ReplyPolicy
from daemon.settings import Settings, changed, load, reloaded
from daemon.settings_fields import of
from daemon.settings_read import BadSettings, line_of, settings_of, variable
from daemon.settings_sections import ROLES, Jobs, Log

EXAMPLE = Path("config/qiaod.toml")
HOME = {"HOME": "/home/someone"}


def mistakes(tmp_path: Path, content: str, environ: dict[str, str] | None = None) -> list[tuple[str, int | None, str]]:
    path = tmp_path / "qiaod.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(BadSettings) as caught:
        load(path, environ or HOME)
    return [(mistake.key, mistake.line, mistake.code) for mistake in caught.value.mistakes]


def stated() -> dict[str, dict[str, Any]]:
    """The example with the # in front of each key taken away."""
    return tomllib.loads(re.sub(r"^#(?=\w+ = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE))


def test_no_file_and_no_variable_give_the_defaults() -> None:
    settings = load(None, HOME)
    assert settings.http.address == ("127.0.0.1", 8470)
    assert settings.gewe.per_minute == 40
    assert settings.database == Path("/home/someone/.local/state/qiaod/qiaod.db")
    assert settings.unix_socket == Path("/home/someone/.local/state/qiaod/api.sock")


def test_the_example_loads_as_it_is_and_changes_nothing(tmp_path: Path) -> None:
    assert load(EXAMPLE, HOME) == load(None, HOME)


def test_the_example_lists_every_setting_with_its_true_default_and_no_other() -> None:
    defaults = Settings()
    truth: dict[str, dict[str, Any]] = {}
    for section, key, attribute in settings_of(Settings):
        value = getattr(getattr(defaults, section.name), attribute.name)
        truth.setdefault(section.name, {})[key] = of(attribute).show(value)
    assert stated() == truth


def test_the_example_marks_what_a_reload_takes_over() -> None:
    comments: dict[str, str] = {}
    section, comment = "", ""
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif key := re.match(r"#(\w+) = ", line):
            comments[f"{section}.{key[1]}"], comment = comment, ""
        else:
            comment = f"{comment} {line}" if line else ""
    marked = {path for path, words in comments.items() if words.endswith("(reload)")}
    assert marked == {f"{s.name}.{key}" for s, key, attribute in settings_of(Settings) if of(attribute).reload}


def test_every_stated_default_is_accepted_when_it_is_written_out(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.toml"
    path.write_text(re.sub(r"^#(?=\w+ = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    assert load(path, HOME) == load(None, HOME)


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    content = """
[gewe]
per_minut = 10
burst = "three"
reply_ttl_minutes = 0

[htp]
listen = "x"

[http]
listen = "nowhere"
"""
    assert mistakes(tmp_path, content, {**HOME, "QIAOD_LOG_LEVEL": "loud"}) == [
        ("gewe.per_minut", 3, "settings.unknown_near"),
        ("htp", 7, "settings.unknown_near"),
        ("http.listen", 11, "settings.want_address"),
        ("gewe.burst", 4, "settings.want_integer"),
        ("gewe.reply_ttl_minutes", 5, "settings.out_of_range"),
        ("log.level", None, "settings.want_choice"),
    ]


def test_a_mistake_names_file_line_key_and_way_out_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.toml"
    path.write_text("[gewe]\nper_minut = 10\n")
    with pytest.raises(BadSettings) as caught:
        load(path, HOME)
    (mistake,) = caught.value.mistakes
    assert mistake.where == f"{path}:2: gewe.per_minut"
    assert mistake.text() == "There is no such setting. Did you mean per_minute?"
    assert "per_minute" in mistake.text("zh")
    assert mistake.text("zh") != mistake.text()
    assert "gewe.per_minut" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[gewe]\nper_minute = true", "settings.want_integer"),
        ("[gewe]\nper_minute = 0", "settings.out_of_range"),
        ("[gewe]\npause_low_seconds = 9", "settings.above"),
        ("[gewe]\nreply_ttl_minutes = nan", "settings.out_of_range"),
        ("[gewe]\nreply_ttl_minutes = '3s'", "settings.want_number"),
        ("[gewe]\nlisten = ''", "settings.misplaced"),
        ("[gewe]\nzebra = 1", "settings.unknown"),
        ("gewe = 1", "settings.want_section"),
        ("per_minute = 1", "settings.misplaced"),
        ("[log]\nmessage_text = 'yes'", "settings.want_boolean"),
        ("[log]\nlevel = 3", "settings.want_choice"),
        ("[daemon]\nstate_dir = 3", "settings.want_text"),
        ("[daemon]\ndrain_jobs_seconds = 30", "settings.drains_too_long"),
        ("[http]\nhosts = 'localhost'", "settings.want_list"),
        ("[http]\nhosts = ['http://x']", "settings.want_host"),
        ("[http]\nlisten = '127.0.0.1:99999'", "settings.want_address"),
        ("[http]\nlisten = '8470'", "settings.want_address"),
        ("[http]\npublic_url = 'bot.example.org'", "settings.want_url"),
        ("[http]\nper_address = 600", "settings.above"),
        (f"[http]\nunix_socket = '/{'x' * 108}'", "settings.socket_path_long"),
        ("[access]\nuids = {root = 'admin'}", "settings.want_uid"),
        ("[access.uids]\n0 = 'king'", "settings.want_choice"),
        ("[access]\nuids = 0", "settings.want_table"),
        ("[conversation]\nmerge_window_seconds = 9", "settings.above"),
        ("[jobs]\nretry_cap_seconds = 1\nretry_base_seconds = 2", "settings.above"),
    ],
)
def test_each_kind_of_mistake_has_its_own_text(tmp_path: Path, content: str, code: str) -> None:
    assert [found for _, _, found in mistakes(tmp_path, content)] == [code]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (b"[gewe", "settings.not_toml"),
        (b'a = "\xff"', "settings.not_utf8"),
        (b"#" * 1_100_000, "settings.file_too_large"),
    ],
)
def test_what_is_no_settings_file_is_refused_as_a_whole(tmp_path: Path, written: bytes, code: str) -> None:
    path = tmp_path / "qiaod.toml"
    path.write_bytes(written)
    with pytest.raises(BadSettings) as caught:
        load(path, HOME)
    assert [mistake.code for mistake in caught.value.mistakes] == [code]


def test_a_missing_file_is_a_mistake_and_so_is_a_directory(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.toml", "settings.file_missing"), (tmp_path, "settings.file_unreadable")):
        with pytest.raises(BadSettings) as caught:
            load(path, HOME)
        assert [mistake.code for mistake in caught.value.mistakes] == [code]


def test_a_toml_mistake_tells_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[gewe]\nburst = 1\nper_minute = = 3\n") == [("", 3, "settings.not_toml")]


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.toml"
    path.write_text("[gewe]\nper_minute = 10\nburst = 2\n")
    environ = {
        **HOME,
        "QIAOD_GEWE_PER_MINUTE": "20",
        "QIAOD_GEWE_REPLY_TTL_MINUTES": "2.5",
        "QIAOD_HTTP_HOSTS": "bot.example.org, localhost",
        "QIAOD_ACCESS_UIDS": "0=admin,1000=viewer",
        "QIAOD_LOG_MESSAGE_TEXT": "true",
        "QIAOD_LOG_LEVEL": "debug",
    }
    settings = load(path, environ)
    assert (settings.gewe.per_minute, settings.gewe.burst) == (20, 2)
    assert settings.gewe.reply_ttl == timedelta(minutes=2.5)
    assert settings.http.hosts == ("bot.example.org", "localhost")
    assert settings.access.uids == {"0": "admin", "1000": "viewer"}
    assert settings.log == Log(level="debug", message_text=True)


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    with pytest.raises(BadSettings) as caught:
        load(None, {**HOME, "QIAOD_GEWE_PER_MINUTE": "many", "QIAOD_GEWE_PER_MINUT": "1"})
    assert [(m.source, m.code) for m in caught.value.mistakes] == [
        ("$QIAOD_GEWE_PER_MINUT", "settings.unknown_near"),
        ("$QIAOD_GEWE_PER_MINUTE", "settings.want_integer"),
    ]


def test_variables_that_only_share_the_prefix_are_left_alone() -> None:
    environ = {**HOME, "QIAOD_SERVICE_HOST": "10.0.0.1", "QIAOD_CONFIG": "x", "QIAOD_MASTER_KEY": "x"}
    assert load(None, environ) == load(None, HOME)


def test_the_state_directory_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.toml"
    path.write_text(
        '[daemon]\nstate_dir = "state"\n[http]\nunix_socket = "s/api"\n[store]\nbackup_dir = "/mnt/backups"\n'
    )
    settings = load(path, {"STATE_DIRECTORY": "/var/lib/qiaod"})
    assert settings.daemon.state_dir == tmp_path / "state"
    assert settings.unix_socket == tmp_path / "state/s/api"
    assert settings.backups == Path("/mnt/backups")
    assert settings.master_key_file == tmp_path / "state/master.key"
    assert settings.spool == tmp_path / "state/spool"


def test_a_state_directory_in_the_environment_is_relative_to_where_we_are() -> None:
    assert load(None, {**HOME, "QIAOD_DAEMON_STATE_DIR": "state"}).daemon.state_dir == Path.cwd() / "state"


@pytest.mark.parametrize(
    ("environ", "state"),
    [
        ({"STATE_DIRECTORY": "/var/lib/qiaod:/var/lib/other", "HOME": "/root"}, "/var/lib/qiaod"),
        ({"XDG_STATE_HOME": "/xdg", "HOME": "/root"}, "/xdg/qiaod"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/root"}, "/root/.local/state/qiaod"),
    ],
)
def test_the_state_directory_falls_back_on_systemd_and_then_on_the_users_own(
    environ: dict[str, str], state: str
) -> None:
    assert load(None, environ).daemon.state_dir == Path(state)


def test_the_socket_goes_where_systemd_keeps_runtime_files() -> None:
    assert load(None, {**HOME, "RUNTIME_DIRECTORY": "/run/qiaod"}).unix_socket == Path("/run/qiaod/api.sock")


def test_the_name_in_the_public_url_is_an_allowed_host() -> None:
    settings = load(None, {**HOME, "QIAOD_HTTP_PUBLIC_URL": "https://Bot.Example.org/qiaod"})
    assert settings.http.allowed_hosts == {"localhost", "127.0.0.1", "::1", "bot.example.org"}


def test_a_caller_on_the_socket_has_the_role_of_its_uid() -> None:
    access = load(None, {**HOME, "QIAOD_ACCESS_UIDS": "self=operator,1000=viewer"}).access
    assert access.roles(own=7) == {7: "operator", 1000: "viewer"}
    assert access.roles(own=1000) == {1000: "viewer"}


def test_the_roles_are_those_of_the_domain() -> None:
    assert set(ROLES) == {role.value for role in Role}


def test_a_new_accounts_policy_starts_from_the_same_values_in_settings_and_domain() -> None:
    ours, theirs = Settings().conversation, ReplyPolicy()
    for name in ("merge_window", "merge_most", "history", "takeover", "stale_after"):
        assert getattr(ours, name) == getattr(theirs, name)


def test_a_change_is_told_apart_by_whether_a_reload_takes_it_over() -> None:
    old = load(None, HOME)
    new = evolve(old, gewe=evolve(old.gewe, per_minute=5), jobs=Jobs(attempts=2), log=Log(level="debug"))
    assert changed(old, new) == (["gewe.per_minute", "log.level"], ["jobs.attempts"])
    assert changed(old, old) == ([], [])


def test_a_reload_takes_over_only_what_it_may() -> None:
    old = load(None, HOME)
    new = evolve(old, gewe=evolve(old.gewe, per_minute=5), jobs=Jobs(attempts=2))
    assert reloaded(old, new) == evolve(old, gewe=new.gewe)


def attempted(path: Path | None, environ: dict[str, str]) -> Settings | BadSettings:
    try:
        return load(path, environ)
    except BadSettings as error:
        return error


@given(st.sampled_from(list(settings_of(Settings))), st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_no_value_of_a_variable_can_break_the_reader(setting: Any, value: object) -> None:
    section, key, _ = setting
    outcome = attempted(None, {**HOME, variable(section.name, key): str(value)})
    assert isinstance(outcome, Settings) or all(m.text() and m.text("zh") for m in outcome.mistakes)


@given(st.binary(max_size=200))
def test_no_file_can_break_the_reader(tmp_path_factory: pytest.TempPathFactory, written: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(written)
    outcome = attempted(path, HOME)
    assert isinstance(outcome, Settings) or outcome.mistakes


def test_a_key_is_found_in_its_own_section_only() -> None:
    written = "[a]\nkey = 1\n[b]\n key=2\n[b.table]\nx = 1\n"
    assert [
        line_of(written, *at) for at in (("a", "key"), ("b", "key"), ("b", "table"), ("b", None), ("c", "key"))
    ] == [
        2,
        4,
        5,
        3,
        None,
    ]
