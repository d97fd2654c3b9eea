"""An address of a node has one spelling, whatever it was typed as; what could mean two things is refused."""
# ruff: noqa: RUF001 - look-alikes are what is tested

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core import origins
from freehold.core.errors import InvalidInput
from freehold.kernel import setting_sources
from freehold.kernel.settings import Settings, load

SPELLINGS = {
    "http://EXAMPLE.com:80/": "http://example.com",
    "HTTPS://north.example:443": "https://north.example",
    "https://north.example.:0443": "https://north.example",
    "http://north.example:": "http://north.example",
    "https://north.example:80": "https://north.example:80",
    "http://[0:0:0:0:0:0:0:1]:7400": "http://[::1]:7400",
    "http://[2001:DB8::00]": "http://[2001:db8::]",
    "http://[::ffff:1.2.3.4]": "http://[::ffff:102:304]",
    "http://127.0.0.1:7400": "http://127.0.0.1:7400",
    "http://１２７.０.０.１": "http://127.0.0.1",
    "http://127.0.0.1.": "http://127.0.0.1",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://BÜCHER。example": "https://xn--bcher-kva.example",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "https://faß.example": "https://xn--fa-hia.example",
    "https://例え.jp": "https://xn--r8jz45g.jp",
    "https://пример.рф": "https://xn--e1afmkfd.xn--p1ai",
    "http://data_owner:7400": "http://data_owner:7400",
}
REFUSED = [
    "http://a/b", "http://a/?", "http://a?x", "http://a#x", "http://u@a", "http://u:p@a", "http://a\\b",
    "http://a\n.b", "http://a\tb", "http://a b", "http://a\x00b", "http://a%2eb", "http://a%00", " http://a", "http://a ",
    "http:///a", "http://", "http:a", "//a", "ftp://a", "file:///etc/passwd", "javascript:alert(1)", "a:7400", "",
    "http://a:0", "http://a:99999", "http://a:7_0", "http://a:٧", "http://a:+7", "http://a:b:80", "http://::1",
    "http://0x7f.1", "http://0x7f000001", "http://2130706433", "http://0177.0.0.1", "http://0177.1", "http://127.1",
    "http://1.2.3.4.5", "http://1.2.3.256", "http://a.0x", "http://0", "http://１.1", "http://127.0.0.01",
    "http://[", "http://[]", "http://[::1", "http://[::1]x", "http://[fe80::1%eth0]", "http://[v1.a]", "http://[1.2.3.4]",
    "http://-a", "http://a-", "http://a..b", "http://.a", "http://.", "http://" + "a" * 64, "http://" + "a." * 127 + "aa",
    "https://аррӏе.com", "https://xn--80ak6aa92e.com", "https://pаypal.com", "https://xn--pypal-4ve.com",
    "https://xn--a", "https://xn--a.com", "https://a\u200b.com", "https://\u200b.com", "https://a\u0378.com",
    "https://a\u202eb.com", "https://\ud800.com", "https://" + "a" * 400,
]  # fmt: skip


@pytest.mark.parametrize(("typed", "spelled"), SPELLINGS.items(), ids=range(len(SPELLINGS)))
def test_equal_addresses_are_equal_text(typed, spelled):
    assert str(origins.parse(typed)) == spelled
    assert str(origins.parse(spelled)) == spelled


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_origin_or_could_be_another_is_refused_with_a_reason(text):
    with pytest.raises(origins.NotAnOrigin) as refused:
        origins.parse(text)
    assert refused.value.message


@given(
    st.text(max_size=60).flatmap(lambda text: st.sampled_from([text, f"http://{text}", f"https://{text}:80"]))
)
def test_any_text_is_refused_or_has_a_spelling_that_stays(text):
    try:
        found = origins.parse(text)
    except origins.NotAnOrigin:
        return
    assert origins.parse(str(found)) == found
    assert str(found).isascii()
    assert not set(str(found).partition("://")[2]) & set("/?#@\\ %\r\n\t")


KINDS = {
    "public": "8.8.8.8 2606:4700::1111 64:ff9b::808:808",
    "loopback": "127.0.0.1 127.9.9.9 ::1",
    "private": "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 fd12::1",
    "metadata": "169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 fd00:ec2::254 64:ff9b::a9fe:a9fe",
    "never": "0.0.0.0 0.1.2.3 255.255.255.255 224.0.0.1 239.1.1.1 240.0.0.1 169.254.1.1 192.0.0.1 192.0.2.1 198.18.0.1 "
    "198.51.100.1 203.0.113.1 192.88.99.1 :: fe80::1 fec0::1 ff02::1 2001:db8::1 3fff::1 100::1 ::8.8.8.8 "
    "::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::808:808 "
    "2002:7f00:1:: 2002:808:808:: 2001:0:4136:e378:8000:63bf:3fff:fdd2",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_address_is_of_the_kind_that_the_registries_say(kind):
    found = {text: origins.kind(ip_address(text)) for text in KINDS[kind].split()}
    assert set(found.values()) == {kind}, found


def test_a_home_that_spelled_its_address_otherwise_still_starts(tmp_path):
    (tmp_path / "config.toml").write_text(
        'endpoint = "HTTPS://North.Example:443/"\npeers = ["http://[0:0::1]:80", "http://b.example/"]\n'
    )
    known = load(tmp_path)
    assert known.endpoint == "https://north.example"
    assert known.peers == ("http://[::1]", "http://b.example")


def test_an_address_with_more_than_an_origin_is_refused_by_name():
    value = "https://north.example/node?x=1"
    for name in ("endpoint", "peers"):
        with pytest.raises(InvalidInput, match=f"^{name}: "):
            setting_sources.read(name, [value])
    with pytest.raises(InvalidInput, match=r"^endpoint: "):
        Settings(endpoint=value)
    # a peer in an old file that is none stops no node: it is reported when it is asked
    assert Settings(peers=(value,)).peers == (value,)


@pytest.mark.parametrize(
    "text",
    [
        "http://user:s3cret@north.example",
        "http://user:s3/cret@north.example",
        "user:s3cret@north.example",
        "https://north.example/v3/s3cret",
        "https://north.example?key=s3cret",
        "https://north.example?key=me@s3cret",
        "north.example#s3cret",
        "https://north.example\\s3cret",
    ],
)
def test_what_is_no_address_is_said_without_the_parts_that_hold_secrets(text):
    with pytest.raises(origins.NotAnOrigin, match=r"\.\.\.' is not the address of a node") as caught:
        origins.parse(text)
    assert "s3" not in str(caught.value.problem())
