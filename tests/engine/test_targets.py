"""Where a call may go whose address somebody else chose: by the URL, and by the address it turns out to lead to."""

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.engine.targets import SPECIAL_V4, SPECIAL_V6, Target, Targets, never, public, target_of
from daemon.errors import Invalid
from daemon.settings_targets import Listed, listed

NOTHING = Targets()
V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
ANY = V4 | V6
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "192.0.1.1", "172.32.0.1", "2606:4700:4700::1111", "240e::1"]


def address(text: str) -> Any:
    return ipaddress.ip_address(text)


def refusal(url: str, targets: Targets = NOTHING, *, plain: bool = False) -> str:
    with pytest.raises(Invalid) as caught:
        targets.check_url(url, plain=plain)
    for language in ("en", "zh"):
        assert "{" not in caught.value.text(language)
    return caught.value.code


def to(host: str, port: int = 443, *, scheme: str = "https") -> Target:
    return Target(scheme=scheme, host=host, port=port, plain=False)


ASTRAY = {  # PROMISES P25 and more: what must not be called although it looks like something that may
    "https://127.0.0.1/": "targets.private",
    "https://localhost/": "targets.private",
    "https://a.localhost/": "targets.private",
    "https://10.0.0.5/": "targets.private",
    "https://172.16.0.1/": "targets.private",
    "https://192.168.1.1/": "targets.private",
    "https://100.64.0.1/": "targets.private",
    "https://198.18.0.1/": "targets.private",
    "https://0.1.2.3/": "targets.private",
    "https://0.0.0.0/": "targets.never",
    "https://255.255.255.255/": "targets.never",
    "https://169.254.169.254/latest/meta-data/": "targets.never",
    "https://100.100.100.200/": "targets.never",
    "https://168.63.129.16/": "targets.never",
    "https://224.0.0.1/": "targets.never",
    "https://[::]/": "targets.never",
    "https://[::1]/": "targets.private",
    "https://[::127.0.0.1]/": "targets.private",
    "https://[::ffff:127.0.0.1]/": "targets.private",
    "https://[::ffff:169.254.169.254]/": "targets.never",
    "https://[64:ff9b::7f00:1]/": "targets.private",
    "https://[64:ff9b::a9fe:a9fe]/": "targets.never",
    "https://[64:ff9b:1::1]/": "targets.private",
    "https://[2002:7f00:1::]/": "targets.private",
    "https://[2002:a9fe:a9fe::]/": "targets.never",
    "https://[2001::1]/": "targets.private",
    "https://[2001:db8::1]/": "targets.private",
    "https://[3fff::1]/": "targets.private",
    "https://[fc00::1]/": "targets.private",
    "https://[fec0::1]/": "targets.private",
    "https://[fe80::1]/": "targets.never",
    "https://[fe80::1%25eth0]/": "targets.host",
    "https://[ff02::1]/": "targets.never",
    "https://[fd00:ec2::254]/": "targets.never",
    "https://2130706433/": "targets.host",
    "https://0x7f000001/": "targets.host",
    "https://0x7f.1/": "targets.host",
    "https://0177.0.0.1/": "targets.host",
    "https://127.1/": "targets.host",
    "https://127.0.0.1./": "targets.host",
    "https://127.0.0.1../": "targets.host",
    "https://n8n.example.com./": "targets.host",
    "https://n8n..example.com/": "targets.host",
    "https://-n8n.example.com/": "targets.host",
    "https://1.2.3.4.5/": "targets.host",
    "https://[127.0.0.1]/": "targets.no_url",
    "https://[n8n.example.com]/": "targets.no_url",
    "https://n8n.example.com%00.evil.com/": "targets.host",
    "https://%31%32%37.0.0.1/": "targets.host",
    "https://127。0。0。1/": "targets.not_ascii",
    "https://①②⑦.⓪.⓪.①/": "targets.not_ascii",
    "https://\N{FULLWIDTH DIGIT ONE}27.0.0.1/": "targets.not_ascii",
    "https://localhost\N{SOFT HYPHEN}/": "targets.not_ascii",
    "https://n8n.example.com@127.0.0.1/": "targets.user",
    "https://user:secret@n8n.example.com/": "targets.user",
    "https://@n8n.example.com/": "targets.user",
    "https://127.0.0.1\\@n8n.example.com/": "targets.no_url",
    "https:\\\\127.0.0.1/": "targets.no_url",
    "https://n8n.example.com\r\n.evil.com/": "targets.no_url",
    "https://n8n.example.com\t/": "targets.no_url",
    " https://n8n.example.com/": "targets.no_url",
    "https://": "targets.no_url",
    "https:///webhook": "targets.no_url",
    "//n8n.example.com/": "targets.scheme",
    "n8n.example.com": "targets.no_url",
    "": "targets.no_url",
    "https://n8n.example.com:/": "targets.no_url",
    "https://n8n.example.com:0/": "targets.no_url",
    "https://n8n.example.com:65536/": "targets.no_url",
    "https://n8n.example.com:4 43/": "targets.no_url",
    "https://n8n.example.com:22/": "targets.port",
    "https://n8n.example.com:5678/": "targets.port",
    "https://1.1.1.1:6379/": "targets.port",
    "https://10.0.0.5:5678/": "targets.port",
    "http://n8n.example.com/": "targets.plain",
    "http://1.1.1.1/": "targets.plain",
    "ftp://n8n.example.com/": "targets.scheme",
    "file:///etc/passwd": "targets.no_url",
    "gopher://127.0.0.1:6379/_": "targets.scheme",
    "unix://run/qiaod/api.sock": "targets.scheme",
    f"https://n8n.example.com/{'x' * 3000}": "targets.long",
}


@pytest.mark.parametrize(("url", "code"), ASTRAY.items(), ids=[ascii(url)[:60] for url in ASTRAY])
def test_what_leads_astray_is_refused_with_its_reason(url: str, code: str) -> None:
    assert refusal(url) == code


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://n8n.example.com/webhook/chat?x=1", "n8n.example.com", 443),
        ("HTTPS://N8N.Example.COM:443/", "n8n.example.com", 443),
        ("https://xn--fsqu00a.xn--fiqs8s/", "xn--fsqu00a.xn--fiqs8s", 443),
        ("https://n8n.example.com:80/", "n8n.example.com", 80),
        ("https://1.1.1.1/", "1.1.1.1", 443),
        ("https://[2606:4700:4700:0::1111]/", "2606:4700:4700::1111", 443),
        ("https://my_n8n.example.com/", "my_n8n.example.com", 443),
        ("https://7.example.com/", "7.example.com", 443),
    ],
)
def test_what_is_on_the_open_internet_may_be_called(url: str, host: str, port: int) -> None:
    target = NOTHING.check_url(url)

    assert (target.host, target.port) == (host, port)


def test_plain_http_will_do_where_the_caller_says_so() -> None:
    target = NOTHING.check_url("http://media.example.com/a.jpg", plain=True)

    assert NOTHING.admits(target, address("1.1.1.1"))
    assert not NOTHING.admits(target, address("10.0.0.5"))
    assert refusal("http://127.0.0.1/", plain=True) == "targets.private"


@pytest.mark.parametrize(
    ("entry", "url", "leads_to"),
    [
        ("n8n.lan:5678", "http://n8n.lan:5678/webhook/x", "10.0.0.5"),
        ("n8n.lan:5678", "http://N8N.lan:5678/webhook/x", "1.1.1.1"),
        ("n8n.lan:*", "https://n8n.lan:1/", "127.0.0.1"),
        ("n8n.lan:5678=10.0.0.0/8", "http://n8n.lan:5678/", "10.0.0.5"),
        ("127.0.0.1:*", "http://127.0.0.1:40123/", "127.0.0.1"),
        ("127.0.0.1:5678", "http://localhost:5678/", "127.0.0.1"),
        ("10.0.0.0/8:5678", "http://n8n.lan:5678/", "10.1.2.3"),
        ("[::1]:5678", "http://[::1]:5678/", "::1"),
        ("[fd00::/8]:443", "https://[fd00:0::5]/", "fd00::5"),
        ("localhost:5678", "http://localhost:5678/", "127.0.0.1"),
        ("n8n.example.com:80", "http://n8n.example.com/", "1.1.1.1"),
    ],
)
def test_what_is_listed_may_be_called(entry: str, url: str, leads_to: str) -> None:
    targets = Targets.of([entry])

    assert targets.admits(targets.check_url(url), address(leads_to))


@pytest.mark.parametrize(
    ("entry", "url", "leads_to"),
    [
        ("n8n.lan:5678=10.0.0.0/8", "http://n8n.lan:5678/", "127.0.0.1"),
        ("n8n.lan:5678=10.0.0.0/8", "http://n8n.lan:5678/", "1.1.1.1"),
        ("n8n.lan:5678=10.0.0.0/8", "http://n8n.lan:5678/", "::1"),
        ("10.0.0.0/8:5678", "http://n8n.lan:5678/", "192.168.0.1"),
        ("10.0.0.0/8:5678", "http://n8n.lan:5678/", "1.1.1.1"),
        ("127.0.0.1:5678", "http://localhost:5678/", "::ffff:127.0.0.1"),
        ("n8n.lan:5678", "https://other.lan/", "10.0.0.5"),
        ("n8n.lan:*", "https://n8n.lan/", "169.254.169.254"),
        ("n8n.lan:*", "https://n8n.lan/", "::ffff:169.254.169.254"),
        ("0.0.0.0/0:*", "https://n8n.lan/", "169.254.169.254"),
        ("0.0.0.0/0:*", "https://n8n.lan/", "224.0.0.1"),
    ],
)
def test_what_is_listed_may_lead_nowhere_else(entry: str, url: str, leads_to: str) -> None:
    targets = Targets.of([entry])

    assert not targets.admits(targets.check_url(url), address(leads_to))


@pytest.mark.parametrize(
    ("entry", "url", "code"),
    [
        ("n8n.lan:5678", "http://n8n.lan:5679/", "targets.port"),
        ("n8n.lan:5678", "http://sub.n8n.lan:5678/", "targets.port"),
        ("n8n.lan:5678", "http://10.0.0.5:5678/", "targets.port"),
        ("10.0.0.5:5678", "http://10.0.0.6:5678/", "targets.port"),
        ("10.0.0.5:5678", "http://localhost:5678/", "targets.private"),
        ("10.0.0.5:443", "http://10.0.0.5/", "targets.plain"),
        ("0.0.0.0/0:*", "https://169.254.169.254/", "targets.never"),
        ("[::/0]:*", "https://[fe80::1]/", "targets.never"),
    ],
)
def test_what_is_listed_lists_nothing_beside_it(entry: str, url: str, code: str) -> None:
    assert refusal(url, Targets.of([entry])) == code


def test_the_reason_says_what_to_list() -> None:
    with pytest.raises(Invalid) as caught:
        NOTHING.check_url("http://[fd00::5]:5678/webhook/secret-path")

    for language in ("en", "zh"):
        assert '"[fd00::5]:5678"' in caught.value.text(language)
        assert "secret-path" not in caught.value.text(language)
    Targets.of(["[fd00::5]:5678"]).check_url("http://[fd00::5]:5678/webhook/secret-path")


def test_settings_that_are_read_again_are_followed() -> None:
    targets = Targets()
    targets.adopt(["10.0.0.5:5678"])

    assert targets.check_url("http://10.0.0.5:5678/")


@pytest.mark.parametrize("text", PUBLIC)
def test_ordinary_addresses_are_public(text: str) -> None:
    assert public(address(text))
    assert not never(address(text))


@given(ANY)
@example(address("192.88.99.1"))
@example(address("2001:20::1"))
def test_what_is_taken_for_public_is_so_by_the_standard_library_too(found: Any) -> None:
    if public(found):
        assert found.is_global
        assert not found.is_multicast
        assert not found.is_reserved


@given(st.data())
@pytest.mark.parametrize("network", [*SPECIAL_V4, *SPECIAL_V6], ids=str)
def test_no_address_of_a_special_range_is_admitted(network: Any, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, network.num_addresses - 1))
    found = network[offset]

    assert not public(found)
    assert not NOTHING.admits(to("n8n.example.com"), found)


@given(V4, st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "::ffff:0:0:0"]))
def test_an_address_within_another_is_never_public_and_never_more_than_what_it_hides(inner: Any, prefix: str) -> None:
    outer = ipaddress.IPv6Address(int(address(prefix)) + int(inner))

    assert not public(outer)
    assert never(outer) or not never(inner)


@given(ANY)
def test_every_address_that_is_not_public_is_refused_in_a_url_unless_listed(found: Any) -> None:
    host = f"[{found}]" if found.version == 6 else str(found)
    url = f"https://{host}/"
    if public(found):
        assert NOTHING.check_url(url).address == found
    else:
        assert refusal(url) in {"targets.private", "targets.never"}
    if not never(found):
        assert Targets.of([f"{host}:443"]).check_url(url).address == found


def _read(reading: Callable[[str], object], text: str) -> object:
    """What it is read as, or the code of why it is not."""
    try:
        return reading(text)
    except Invalid as error:
        return error.code


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/x", f"https://a.example:{text}"):
        match _read(target_of, url):
            case Target(host=host, port=port):
                assert host.isascii()
                assert 0 < port < 65536
            case code:
                assert str(code).startswith("targets.")


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-z.:/\[\]=*-]{1,30}", fullmatch=True))
def test_any_entry_is_read_or_refused(line: str) -> None:
    match _read(listed, line):
        case Listed(host=host, network=network):
            assert host is not None or network is not None
        case code:
            assert code == "settings.want_target"
