"""docs/supabase.sql, run by a PostgreSQL that is made up as a Supabase project: who may read and write what."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

SQL = Path("docs/supabase.sql")
PROJECT = """
create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
create schema auth;
create function auth.uid() returns uuid language sql stable as
    $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
grant usage on schema auth to anon, authenticated, service_role;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
"""
NOBODY = "nobody"
ANN, BOB = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
FILLED = f"""
insert into qiaod_conversations (id, user_id) values ('a', '{ANN}'), ('b', '{BOB}');
insert into qiaod_messages (id, conversation_id, content, is_user) values ('1', 'a', 'hers', true), ('2', 'b', 'his', true);
"""  # noqa: E501


@frozen
class Postgres:
    directory: str

    def run(self, sql: str, *, role: str = "", user: str = "") -> subprocess.CompletedProcess[str]:
        claims = f"set request.jwt.claim.sub = '{user}';" if user else ""
        acting = f"set role {role};" if role else ""
        where = ["-h", self.directory, "-d", "postgres", "-U", "postgres"]
        command = ["psql", *where, "-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return subprocess.run(command, input=claims + acting + sql, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if not all(shutil.which(name) for name in ("initdb", "pg_ctl", "psql")):
        pytest.skip("wants PostgreSQL's programs: apt install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:  # a socket's path must be short
        data = f"{directory}/data"
        options = f"-F -c listen_addresses='' -c unix_socket_directories={directory}"
        server(directory, "initdb", "-D", data, "-A", "trust", "-N", "-U", "postgres", "--locale=C.UTF-8")
        server(directory, "pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{directory}/log", "start")
        try:
            base = Postgres(directory)
            for sql in (PROJECT, SQL.read_text("utf-8"), SQL.read_text("utf-8"), FILLED):
                done = base.run(sql)
                assert done.returncode == 0, done.stderr
            yield base
        finally:
            server(directory, "pg_ctl", "-D", data, "-m", "immediate", "stop")


def server(directory: str, *command: str) -> None:
    """PostgreSQL does not run as root."""
    if os.geteuid() == 0:
        shutil.chown(directory, NOBODY)
    done = subprocess.run(
        command,
        user=NOBODY if os.geteuid() == 0 else None,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, command


def test_the_service_key_reads_and_writes_everything(postgres: Postgres) -> None:
    assert postgres.run("select count(*) from qiaod_messages", role="service_role").stdout == "2\n"
    added = """insert into qiaod_messages (id, conversation_id, content, is_user) values ('1', 'a', 'again', true)
               on conflict (id) do nothing"""
    assert postgres.run(added, role="service_role").returncode == 0
    assert postgres.run("select content from qiaod_messages where id = '1'").stdout == "hers\n"


def test_a_user_reads_their_own_and_writes_nothing(postgres: Postgres) -> None:
    read = postgres.run("select content from qiaod_messages", role="authenticated", user=ANN)
    assert (read.stdout, read.stderr) == ("hers\n", "")
    assert postgres.run("select user_id from qiaod_conversations", role="authenticated", user=BOB).stdout == f"{BOB}\n"
    assert postgres.run("select count(*) from qiaod_messages", role="authenticated").stdout == "0\n"
    for change in ("update qiaod_messages set content = ''", "delete from qiaod_conversations"):
        assert "permission denied" in postgres.run(change, role="authenticated", user=ANN).stderr


def test_a_stranger_sees_nothing(postgres: Postgres) -> None:
    for table in ("qiaod_messages", "qiaod_conversations"):
        assert "permission denied" in postgres.run(f"select * from {table}", role="anon").stderr


def test_messages_go_with_their_conversation_and_not_without_one(postgres: Postgres) -> None:
    orphan = "insert into qiaod_messages (id, conversation_id, content, is_user) values ('9', 'nobody', '', true)"
    assert "violates foreign key constraint" in postgres.run(orphan, role="service_role").stderr
    left = "begin; delete from qiaod_conversations where id = 'b'; select count(*) from qiaod_messages; rollback"
    assert postgres.run(left, role="service_role").stdout == "1\n"


def test_messages_are_in_the_order_of_the_bytes_of_their_ids(postgres: Postgres) -> None:
    asked = "select collation_name from information_schema.columns where table_name = 'qiaod_messages' and column_name = 'id'"  # noqa: E501
    assert postgres.run(asked).stdout == "C\n"
