"""The pages of docs/ that are made from the code: `python -m tests.documents` writes them, a test compares them."""

import re
from pathlib import Path

from daemon.settings import Settings
from daemon.settings_fields import of
from daemon.settings_read import settings_of, variable
from daemon.texts import TEXTS

EXAMPLE = Path("config/qiaod.toml")
CONFIGURATION = Path("docs/configuration.md")
PROBLEMS = Path("docs/problems.md")

_CONFIGURATION = """\
# Settings

Made from `config/qiaod.toml` and `daemon/settings.py` by `make docs`; change those.

`qiaod` reads the file named by `--config`, else by `$QIAOD_CONFIG`, else `~/.config/qiaod/qiaod.toml`, else
`/etc/qiaod/qiaod.toml`, else none: every key has a default. A variable `QIAOD_SECTION_KEY` overrides its key; lists are
separated by commas there, tables written as `name=text,name=text`. Unknown keys are refused by name.
`qiaod check` tells all mistakes at once, with file, line, key and the way out, and ends with 78.

Settings marked "reload" are taken over by `systemctl reload qiaod` (SIGHUP); the log says what was taken over and what
waits for a restart. A file with a mistake is refused as a whole, and the daemon keeps what it has.

What operators change while the daemon runs (accounts, workflows, keys, …) is in the store instead, through the API.

## Secrets

The file holds none. Credentials of accounts and workflows are in the store, sealed with AES-256-GCM under the master
key. The master key is 32 bytes, in hexadecimal or base64 (`openssl rand -hex 32`), and is looked for in this order:

1. the systemd credential `master-key` (`LoadCredential=` or `LoadCredentialEncrypted=`),
2. the file `daemon.master_key_file`, which only the daemon's user may read (mode 0400),
3. the variable `QIAOD_MASTER_KEY`, for development: it is removed from the environment once read, and warned about.

The service key of Supabase, where conversations are kept there ([chat.md](chat.md#supabase)), is the systemd credential
`supabase-key`, else the file `chat.supabase_key_file` (mode 0400), else the variable `QIAOD_SUPABASE_KEY`, which is
removed from the environment once read.

Where there is no master key and no store either, the first start makes the file. Where there is a store, its key
must be given: a wrong or missing one ends with 78, and a wrong one names the key that is wanted.
"""

_PROBLEMS = """\
# Problems

Every error has a code, which never changes its meaning; its text may. Made from `daemon/texts.py` by `make docs`.
In the API the code is the field `code` of `application/problem+json`, and `type` points to its line here.
`{names}` stand for the facts of the case.

| code | English | 中文 |
|---|---|---|
"""


def comments() -> dict[str, str]:
    """What the example says of each key: `gewe.burst` to its text."""
    found: dict[str, str] = {}
    section, said = "", list[str]()
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif key := re.match(r"#(\w+) = ", line):
            found[f"{section}.{key[1]}"], said = " ".join(said), []
        else:
            said = [*said, line.removeprefix("# ")] if line else []
    return found


def defaults() -> dict[str, str]:
    """Each default as the example writes it."""
    found: dict[str, str] = {}
    section = ""
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif key := re.match(r"#(\w+) = (.*)", line):
            found[f"{section}.{key[1]}"] = key[2]
    return found


def configuration() -> str:
    said, stated = comments(), defaults()
    page, at = [_CONFIGURATION], ""
    for section, key, attribute in settings_of(Settings):
        path = f"{section.name}.{key}"
        if section.name != at:
            at = section.name
            page.append(f"\n## [{at}]\n\n| key | default | allowed | reload | what it is |\n|---|---|---|---|---|\n")
        setting = of(attribute)
        meaning = said[path].removesuffix("(reload)").strip()
        reload = "yes" if setting.reload else ""
        allowed = setting.limits.replace("|", "\\|")
        page.append(f"| `{key}` | `{stated[path]}` | {allowed} | {reload} | {meaning} |\n")
    last_section, last_key, _ = next(s for s in settings_of(Settings) if s[0].name == "gewe" and s[1] == "per_minute")
    page.append(f"\nExample of a variable: `{variable(last_section.name, last_key)}=20`.\n")
    return "".join(page)


def problems() -> str:
    listed = [
        (code, texts) for code, texts in sorted(TEXTS.items()) if not code.startswith("demo.")
    ]  # those are a play
    rows = (f"| `{code}` | {english} | {chinese} |\n" for code, (english, chinese) in listed)
    return _PROBLEMS + "".join(rows).replace("{{", "{").replace("}}", "}")


PAGES = {CONFIGURATION: configuration, PROBLEMS: problems}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), "utf-8")
