"""Every odd way to write an address, and what must become of it. Nothing here asks the network."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from jobs.distill.net import addresses
from jobs.distill.net.addresses import AddressRefused, read, read_allowed, resolve


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"the network was asked: {args}")

    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)


def refused(text: str, allowed: str = "") -> AddressRefused:
    with pytest.raises(AddressRefused) as e:
        read(text, read_allowed(allowed))
    return e.value


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://127.0.0.1:5432", "http://[::1]", "http://0.0.0.0", "http://[::]/", "http://255.255.255.255/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://localhost/", "http://a.localhost:8000/"])  # fmt: skip
def test_h60_it_refuses_numbers_that_are_not_on_the_public_internet(url: str) -> None:
    assert refused(url).code == "ADDRESS_NOT_ALLOWED" and "not allowed" in refused(url).message


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f000001",
        "0X7F.1",
        "2130706433",
        "0177.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127.0.0.1.",
        "017700000001",
        "0x7f.0.0.0x1",
    ],
)
def test_h61_it_reads_odd_numbers_as_the_connection_would(host: str) -> None:
    error = refused(f"http://{host}/")
    assert error.code == "ADDRESS_NOT_ALLOWED" and "127.0.0.1" in error.message


def test_h61_a_name_that_stands_for_this_machine_is_refused_when_it_is_looked_up() -> None:
    with pytest.raises(AddressRefused, match="127.0.0.1.nip.io is 127.0.0.1, which is this machine itself"):
        resolve(read("http://127.0.0.1.nip.io/"), (), lambda host, port: ["127.0.0.1"])


@pytest.mark.parametrize("host", ["[::ffff:169.254.169.254]", "[::ffff:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[::ffff:0:a9fe:a9fe]", "[2002:7f00:1::]", "[fec0::1]", "224.0.0.1",
    "100.64.0.1", "[ff02::1]", "[fe80::1]", "[fd00::1]", "[2001::1]", "[::7f00:1]", "[64:ff9b:1::1]", "192.0.0.8", "192.88.99.1", "198.18.0.1", "240.0.0.1", "203.0.113.9",
    "[2001:db8::1]"])  # fmt: skip
def test_h62_it_sees_through_every_family(host: str) -> None:
    assert refused(f"http://{host}/").code == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize("url", ["http://a.com\\@127.0.0.1/", "http://a.com#@127.0.0.1/", "http://u:p@h/", "http://u@h/", "http://a.com/\t", "http://a .com/", "http://a.com/x\ny", " http://a.com/",
    "http:///x", "http://", "http:/a.com", "//a.com/x", "a.com/x", "", "http://a.com:99999/", "http://a.com:0/", "http://a.com:/", "http://a.com:80:80/", "http://a.com%00.x/", "http://a.com\0.x/",
    "http://[::1/", "http://[fe80::1%25eth0]/", "http://a..com/", "http://-a.com/", "http://" + "a" * 64 + ".com/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://a.com/" + "x" * 2000])  # fmt: skip
def test_h63_it_refuses_what_is_no_plain_url(url: str) -> None:
    error = refused(url)
    assert (
        error.code == "URL_NOT_PLAIN" and error.message.startswith("This is not a plain URL") and error.field == "url"
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://a.com/", "ftp://a.com/x", "data:text/csv,a", "unix:/run/x.sock", "javascript:alert(1)", "FILE:///etc/passwd", "dict://a:11211/"])  # fmt: skip
def test_h67_it_asks_only_the_web(url: str) -> None:
    assert "only http: and https:" in refused(url).message


def test_h65_one_private_number_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(AddressRefused, match="10.0.0.5"):
        resolve(read("http://a.com/"), (), lambda host, port: ["93.184.216.34", "10.0.0.5"])


@pytest.mark.parametrize("found", [["fe80::1%eth0"], ["nonsense"], []])
def test_it_believes_no_odd_answer_of_a_resolver(found: list[str]) -> None:
    with pytest.raises(AddressRefused):
        resolve(read("http://a.com/"), (), lambda host, port: found)


def test_it_gives_every_public_number_once() -> None:
    found = resolve(
        read("https://a.com/"), (), lambda host, port: ["93.184.216.34", "2606:2800:220:1::1", "93.184.216.34"]
    )
    assert found == ["93.184.216.34", "2606:2800:220:1::1"]


def test_it_says_that_nobody_knows_a_host() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(AddressRefused, match="Nobody knows the host nothing.example") as e:
        resolve(read("http://nothing.example/"), (), unknown)
    assert e.value.retry


def test_it_waits_for_a_resolver_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.05)
    with pytest.raises(AddressRefused, match="Nobody knows"):
        resolve(read("http://a.com/"), (), lambda host, port: [str(threading.Event().wait(2))])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a.com:22/", "port 22"),
        ("http://93.184.216.34:6379/", "port 6,379"),
        ("https://a.com:9200/x", "port 9,200"),
    ],
)
def test_it_asks_only_ports_of_web_servers(url: str, said: str) -> None:
    assert said in refused(url).message


@pytest.mark.parametrize(("allowed", "url", "number"), [
    ("10.0.0.5:11434", "http://10.0.0.5:11434/v1", "10.0.0.5"), ("vllm.lan:8000", "http://vllm.lan:8000/v1", "192.168.3.4"), ("192.168.0.0/16", "http://box.lan/x", "192.168.3.4"),
    ("[fd00::5]:9000", "http://[fd00::5]:9000/", "fd00::5"), ("fd00::/8", "http://x.lan/", "fd00::9"), ("localhost:9999", "http://localhost:9999/", "127.0.0.1"), ("127.0.0.1", "http://127.1:1234/", "127.0.0.1"),
])  # fmt: skip
def test_an_administrator_may_list_private_hosts(allowed: str, url: str, number: str) -> None:
    entries = read_allowed(allowed)
    assert resolve(read(url, entries), entries, lambda host, port: [number]) == [number]


@pytest.mark.parametrize(("allowed", "url"), [("10.0.0.5:8000", "http://10.0.0.5:8001/"), ("vllm.lan", "http://10.0.0.5/"), ("0.0.0.0/0", "http://0.0.0.0/"), ("10.0.0.0/8", "http://11.0.0.1:22/"), ("224.0.0.0/4", "http://224.0.0.1/")])  # fmt: skip
def test_the_list_allows_what_it_names_and_nothing_else(allowed: str, url: str) -> None:
    assert refused(url, allowed).code == "ADDRESS_NOT_ALLOWED"


def test_a_listed_name_covers_only_itself() -> None:
    entries = read_allowed("vllm.lan")
    with pytest.raises(AddressRefused):
        resolve(read("http://other.lan/", entries), entries, lambda host, port: ["10.0.0.5"])


@pytest.mark.parametrize("text", ["10.0.0.0/99", "a b", "http://x", "x:y:z"])
def test_it_names_the_entry_of_the_list_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="neither a host name"):
        read_allowed(text)


def test_it_shows_an_address_without_its_keys() -> None:
    address = read("HTTPS://Data.Example.ORG:443/a/Rows%20of%20mine.csv?token=secret")
    assert address.shown == "https://data.example.org/a/Rows%20of%20mine.csv?…" and address.url.endswith(
        "?token=secret"
    )
    assert read("http://bücher.example?x=ü").url == "http://xn--bcher-kva.example/?x=%C3%BC"
