"""What a proxy says of the client is believed from trusted proxies only, read as the lists that it is."""

import logging

import pytest

from tests.conftest import API, BROWSER, EMAIL, PASSWORD, client_like
from tests.test_settings import refused
from webapp import request_log, settings
from webapp.app import app
from webapp.proxies import Proxies
from webapp.request_log import RequestLog

PROXIES = settings.networks("10.0.0.0/8, 127.0.0.1, fd00::/8")
PEER = "10.0.0.1"
CLIENT = "203.0.113.7"


def seen(*headers, peer=PEER, trusted=PROXIES, public_url="", scheme="http"):
    """Return the client's address and the scheme as the application sees them."""
    scope = {
        "type": "http",
        "scheme": scheme,
        "client": peer and (peer, 4711),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    Proxies(lambda scope, receive, send: None, trusted, public_url)(scope, None, None)
    return scope["client"] and scope["client"][0], scope["scheme"]


def address(value, **options):
    return seen(("x-forwarded-for", value), **options)[0]


class TestAddress:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (CLIENT, CLIENT),
            (f" {CLIENT} ", CLIENT),
            (f"{CLIENT}:51234", CLIENT),
            (f"6.6.6.6, {CLIENT}", CLIENT),
            (f"6.6.6.6, {CLIENT}, 10.9.9.9", CLIENT),
            (f"6.6.6.6,{CLIENT},10.9.9.9:80,[fd00::1]:80,127.0.0.1", CLIENT),
            (f"{CLIENT},,", CLIENT),
            (f"{CLIENT}, , 10.0.0.2", CLIENT),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ('"[2001:DB8:0:0::1]:4711"', "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            (f"::ffff:{CLIENT}", CLIENT),
            (f"[::ffff:{CLIENT}]:80", CLIENT),
            ("::FFFF:cb00:7107", CLIENT),
            ("fe80::1%eth0", "fe80::1"),
            ("10.9.9.9", "10.9.9.9"),
            ("10.9.9.9, 10.8.8.8", "10.9.9.9"),
        ],
    )
    def test_it_is_the_first_from_the_right_that_is_no_proxy(self, value, found):
        assert address(value) == found

    @pytest.mark.parametrize(
        "value",
        ["", ",", "unknown", "_hidden", "garbage", "localhost", "1.2.3", "1.2.3.4.5", "999.1.1.1", "01.2.3.4", "1.2.3.4/8", "[", "[]",
         "[::1", "[::1]x", "[::1]:x", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:80:90", ":80", "1.2.3.4 6.6.6.6", "1.2.3.4\x85", "\x9b31m",
         "\x85", "\xa01.2.3.4", "1.2.3.4;", "٣.1.1.1".encode().decode("latin-1"), "0x7f.1", "2130706433", "a" * 5000, "1" * 5000, "'", '"'],
    )  # fmt: skip
    def test_what_is_no_address_is_never_believed(self, value):
        assert address(value) == PEER
        assert address(f"6.6.6.6, {value}") == (PEER if value.strip(",") else "6.6.6.6")
        assert address(f"6.6.6.6, {value or 'x'}x, 10.9.9.9") == "10.9.9.9", "the last good one"

    def test_no_zone_comes_with_it(self):
        """`ipaddress` takes any text for an IPv6 zone."""
        assert address("fe80::1%\x85 forged line") in (PEER, "fe80::1")
        assert seen(peer="fe80::1%eth0", trusted=settings.networks("fe80::/10"))[0] == "fe80::1%eth0"
        assert address(CLIENT, peer="fe80::1%eth0", trusted=settings.networks("fe80::/10")) == CLIENT

    def test_several_lines_are_one_list(self):
        lines = [("x-forwarded-for", value) for value in ("6.6.6.6", f"7.7.7.7, {CLIENT}", "10.2.2.2")]
        assert seen(*lines)[0] == CLIENT

    def test_a_long_list_is_read_from_its_end(self):
        assert address("6.6.6.6, " * 3000 + CLIENT) == CLIENT
        assert address("6.6.6.6, " + "10.1.1.1, " * 3000) == "10.1.1.1"

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (f"for={CLIENT}", CLIENT),
            (f"For={CLIENT};Proto=https;by=10.0.0.1", CLIENT),
            (f"for=6.6.6.6, for={CLIENT};proto=http, for=10.2.2.2", CLIENT),
            ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
            (f'proto=https ; FOR = "{CLIENT}:80"', CLIENT),
            ("for=unknown", PEER),
            ('for="_gazonk"', PEER),
            ("for=_x, for=10.2.2.2", "10.2.2.2"),
            ("proto=https", PEER),
            ("for=6.6.6.6, proto=https", PEER),
            ("for=6.6.6.6;for=7.7.7.7", PEER),
            ('for=6.6.6.6;host="x', PEER),
            ('for=1.1.1.1;host="x,for=6.6.6.6;y="', PEER),
            ('for=1.1.1.1;host="x,for=6.6.6.6;y=\\""', PEER),
            ("for", PEER),
            (f"{CLIENT}", PEER),
            (";" * 30_000, PEER),
        ],
    )
    def test_forwarded_of_rfc_7239(self, value, found):
        assert seen(("forwarded", value))[0] == found

    def test_x_forwarded_for_counts_where_both_are_there(self):
        """Most proxies write the one and pass on the other as it came."""
        assert seen(("forwarded", "for=6.6.6.6"), ("x-forwarded-for", CLIENT))[0] == CLIENT

    @pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "::1", "testclient", "", None])
    def test_from_others_nothing_is_believed(self, peer):
        headers = [
            ("x-forwarded-for", CLIENT),
            ("x-forwarded-proto", "https"),
            ("forwarded", f"for={CLIENT};proto=https"),
        ]
        assert seen(*headers, peer=peer) == (peer, "http")
        assert seen(*headers, trusted=()) == (PEER, "http")

    def test_a_mapped_peer_is_the_same_proxy(self):
        assert address(CLIENT, peer="::ffff:10.0.0.1") == CLIENT
        assert address(CLIENT, peer="10.0.0.1", trusted=settings.networks("::ffff:10.0.0.1")) == CLIENT
        assert address(CLIENT, peer="10.7.0.1", trusted=settings.networks("::ffff:10.0.0.0/104")) == CLIENT


class TestScheme:
    @pytest.mark.parametrize(
        "value",
        [
            "https",
            "HTTPS",
            " Https ",
            "https,http",
            "http, https",
            "https, https",
            "http,http,HTTPS",
            "wss",
            '"https"',
            ",https,",
        ],
    )
    def test_any_entry_of_x_forwarded_proto(self, value):
        assert seen(("x-forwarded-proto", value))[1] == "https"

    @pytest.mark.parametrize(
        "value", ["http", "", "httpsx", "xhttps", "https:", "ws", "https http", "on", "1", "\x85https"]
    )
    def test_nothing_else(self, value):
        assert seen(("x-forwarded-proto", value))[1] == "http"

    def test_any_line(self):
        assert seen(("x-forwarded-proto", "http"), ("x-forwarded-proto", "https"))[1] == "https"
        assert seen(("x-forwarded-proto", "https"), ("x-forwarded-proto", "http"))[1] == "https"

    @pytest.mark.parametrize(
        "value",
        [
            "proto=https",
            'proto="https"',
            "PROTO=HTTPS",
            "for=1.1.1.1;proto=https",
            "for=1.1.1.1;proto=http, for=2.2.2.2 ; proto=https",
        ],
    )
    def test_forwarded_of_rfc_7239(self, value):
        assert seen(("forwarded", value))[1] == "https"
        assert seen(("forwarded", value), ("x-forwarded-proto", "http"))[1] == "https"

    @pytest.mark.parametrize("value", ["proto=http", "https", "host=https", "for=https", "proto", "proto=http;x=https"])
    def test_nothing_else_of_forwarded(self, value):
        assert seen(("forwarded", value))[1] == "http"

    @pytest.mark.parametrize("public_url", ["https://latchkey.example.com", "HTTPS://latchkey.example.com"])
    def test_public_url_is_enough(self, public_url):
        for headers in ((), [("x-forwarded-proto", "http")], [("forwarded", "proto=http")]):
            assert seen(*headers, public_url=public_url)[1] == "https"
            assert seen(*headers, public_url=public_url, trusted=())[1] == "https"
        assert seen(public_url="http://latchkey.example.com")[1] == "http"

    def test_tls_of_the_server_itself_stays(self):
        assert seen(("x-forwarded-proto", "http"), scheme="https")[1] == "https"


@pytest.fixture
def behind(anonymous):
    """A client of the application behind a proxy, with a request log."""

    def make(*, public_url="", client=BROWSER, **headers):
        proxied = Proxies(RequestLog(app), settings.networks("127.0.0.1"), public_url)

        async def from_loopback(scope, receive, send):
            await proxied({**scope, "client": ("127.0.0.1", 4711)}, receive, send)

        found = client_like(anonymous, {**client, **headers})
        found._transport.app = from_loopback
        return found

    request_log.notes.clear()
    yield make
    request_log.notes.clear()


@pytest.mark.parametrize(
    "options",
    [
        {"public_url": "https://latchkey.example.com"},
        {"X-Forwarded-Proto": "https, http"},
        {"Forwarded": "proto=https"},
    ],
)
def test_cookies_and_headers_are_those_of_https(behind, ann, options):
    answer = behind(**options).post("/auth/token", data={"username": EMAIL, "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-latchkey-session=ey")
    assert "; Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    token = answer.headers["set-cookie"].partition(";")[0]
    assert behind(**options, Cookie=token).get("/admin/me").status_code == 200


@pytest.mark.parametrize("scheme", ["ws", "wss", "http", "https", "HTTPS", "gopher"])
def test_any_scheme_of_a_proxy_is_answered(behind, scheme):
    answer = behind(**{"X-Forwarded-Proto": scheme}).get("/auth/login")
    assert answer.status_code == 200
    assert ("strict-transport-security" in answer.headers) is (scheme in ("https", "wss", "HTTPS"))


def test_the_address_reaches_the_log_and_the_list_of_sessions(behind, ann, capsys):
    client = behind(client=API, **{"X-Forwarded-For": f"6.6.6.6, {CLIENT}:80"})
    token = client.post("/api/login", data={"username": EMAIL, "password": PASSWORD}).json()["access_token"]
    (session,) = client.get("/api/sign-ins", headers={"Authorization": f"Bearer {token}"}).json()["sign_ins"]
    assert session["address"] == CLIENT
    request_log.write()
    assert capsys.readouterr().out.count(f"Z {CLIENT} ") == 2


@pytest.mark.parametrize(
    "value", ["10.0.0.1 10001 GET /x 200 1.0ms\x85", "\x9b31m", "1.2.3.4\t", "a b c", "fe80::1%\x85x y"]
)
def test_no_text_of_a_header_reaches_the_log_or_the_database(behind, ann, capsys, caplog, value):
    client = behind(client=API)
    form = {"username": EMAIL, "password": PASSWORD}
    for name in ("x-forwarded-for", "forwarded"):
        text = f'for="{value}"' if name == "forwarded" else value
        client.post("/api/login", data=form, headers=[(name, text.encode("latin-1"))])
    token = client.post("/api/login", data=form).json()["access_token"]
    sessions = client.get("/api/sign-ins", headers={"Authorization": f"Bearer {token}"}).json()["sign_ins"]
    assert {session["address"] for session in sessions} <= {"127.0.0.1", "1.2.3.4", "fe80::1"}
    request_log.write()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(len(line.split(" ")) == 7 and line.isascii() for line in lines)
    assert value not in caplog.text


class TestWarning:
    @pytest.mark.parametrize(
        "name", ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"]
    )
    def test_it_is_said_once_which_setting_to_set(self, caplog, name):
        reached = []
        proxied = Proxies(lambda *arguments: reached.append(arguments), (), "")
        for number in range(3):
            scope = {
                "type": "http",
                "scheme": "http",
                "client": (f"192.0.2.{number}", 1),
                "headers": [(name.encode(), b"evil\x85")],
            }
            proxied(scope, None, None)
        assert len(reached) == 3
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("latchkey", logging.WARNING)
        assert "FORWARDED_ALLOW_IPS" in record.getMessage()
        assert "192.0.2.0" in record.getMessage()
        assert "evil" not in record.getMessage()

    @pytest.mark.parametrize("peer", [None, "", "testclient\x85"])
    def test_a_peer_without_an_address_is_no_trouble(self, caplog, peer):
        seen(("x-forwarded-for", CLIENT), peer=peer)
        (record,) = caplog.records
        assert record.getMessage().isprintable()
        assert "testclient" not in record.getMessage()

    def test_a_trusted_proxy_and_a_request_without_a_proxy_are_silent(self, caplog):
        seen(("x-forwarded-for", CLIENT))
        seen(("host", "x"), peer="192.0.2.1")
        assert not caplog.records

    def test_other_kinds_of_scopes_pass(self):
        reached = []
        Proxies(lambda scope, *_: reached.append(scope), (), "https://x.example")({"type": "lifespan"}, None, None)
        assert reached == [{"type": "lifespan"}]


class TestSetting:
    def test_it_is_empty_by_default(self):
        assert settings.FORWARDED_ALLOW_IPS == ()

    @pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.0/8, ::1", "fd00::/8", "", " , ", "::ffff:10.0.0.1"])
    def test_addresses_and_networks_are_taken(self, text):
        assert len(settings.networks(text)) == len([part for part in text.split(",") if part.strip()])

    @pytest.mark.parametrize(
        "text", ["proxy.internal", "*", "localhost", "10.0.0.1/8", "10.0.0", "127.0.0.1;::1", "unix", "::1%lo", "[::1]"]
    )
    def test_what_can_match_nobody_ends_the_start_with_one_line(self, monkeypatch, capsys, text):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", text)
        line = refused(capsys, settings.setting, "FORWARDED_ALLOW_IPS", settings.networks, settings.PROXIES)
        assert line.startswith("Latchkey: the setting FORWARDED_ALLOW_IPS must be addresses or networks of proxies")
