"""Which addresses are posted to, however they are written."""

from __future__ import annotations

import ipaddress

import pytest

from lukhasd.webhooks.addresses import Refused, Unresolved, is_own, kind_of, look_up, parse, resolve

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"), ("127.9.8.7", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"), ("169.254.169.254", "link-local"), ("fe80::1", "link-local"),
        ("::ffff:169.254.169.254", "link-local"), ("64:ff9b::a9fe:a9fe", "link-local"),
        ("fe80::1%1", "link-local"), ("2002:7f00:1::", "tunnelled"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "tunnelled"),
        ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("168.63.129.16", "metadata"),
        ("10.0.0.1", "private or reserved"), ("172.16.0.1", "private or reserved"),
        ("192.168.1.1", "private or reserved"), ("100.100.100.200", "private or reserved"),
        ("192.0.0.192", "private or reserved"), ("0.0.0.0", "private or reserved"), ("::", "private or reserved"),
        ("255.255.255.255", "private or reserved"), ("198.18.0.1", "private or reserved"),
        ("fd00:ec2::254", "private or reserved"), ("fec0::1", "private or reserved"),
        ("2001:db8::1", "private or reserved"), ("64:ff9b:1::1", "private or reserved"),
        ("4000::1", "private or reserved"), ("::127.0.0.1", "private or reserved"),
        (PUBLIC, None), ("2606:4700:4700::1111", None), ("::ffff:93.184.215.14", None),
    ],
)  # fmt: skip
def test_kind_of_an_address(address: str, kind: str | None) -> None:
    assert kind_of(ipaddress.ip_address(address)) == kind


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:7f00:1]",
        "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1",
    ],
)  # fmt: skip
def test_every_spelling_meets_the_same_refusal(host: str) -> None:
    """By the system's own resolver."""
    with pytest.raises(Refused) as refusal:
        resolve(parse(f"https://{host}/hook"), allow_loopback=False, lookup=look_up)
    assert refusal.value.details == {"field": "$.url"}
    assert refusal.value.hint


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(Refused, match=r"leads to 10\.0\.0\.7, a private"):
        resolve(parse("https://a.example/"), allow_loopback=True, lookup=lambda host, port: [PUBLIC, "10.0.0.7"])


def test_only_loopback_is_allowed_by_the_setting_and_only_it_may_be_plain_http() -> None:
    [place] = resolve(parse("http://localhost:81/a?b=c"), allow_loopback=True, lookup=lambda host, port: ["127.0.0.1"])
    assert (place.address, place.target.authority, place.target.path) == ("127.0.0.1", "localhost:81", "/a?b=c")
    for address in ("10.0.0.1", "169.254.169.254"):
        with pytest.raises(Refused):
            resolve(parse("https://a.example/"), allow_loopback=True, lookup=lambda host, port, one=address: [one])
    with pytest.raises(Refused, match="https alone"):
        resolve(parse("http://a.example/"), allow_loopback=True, lookup=lambda host, port: [PUBLIC])


def test_a_name_without_an_address() -> None:
    with pytest.raises(Unresolved):
        resolve(parse("https://nowhere.invalid/"), allow_loopback=False, lookup=lambda host, port: [])

    def fails(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Unresolved, match="no such name"):
        resolve(parse("https://nowhere.invalid/"), allow_loopback=False, lookup=fails)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "a.example/hook", "https://", "https:///x",
        "https://user:word@a.example/", "https://a.example@10.0.0.1/", "https://a.example/#part", "https://a.example/#",
        "https://a.example:0/", "https://a.example:99999/", "https://a.example:x/", "https://a b.example/",
        "https://a.example/\r\nX-Other: 1", "https://a.example\\@10.0.0.1/", "https://ä.example/", "https://[fe80::1%25eth0]/",
        "https://[::1/", "https://a.example/\x00",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse(url)


def test_the_machine_knows_its_own_addresses() -> None:
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address(PUBLIC))
