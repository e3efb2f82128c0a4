"""Settings: each is explained, can be overridden, and says in one line what is wrong with it."""

import itertools

import pytest
from databases import DatabaseURL

from webapp import settings

LINES = settings.FILE.read_text(encoding="utf-8").splitlines()


def refused(capsys, call, *arguments):
    """Return the one line with which a call ends the program."""
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_every_setting_has_a_line_below_a_comment():
    in_a_block = {line.split(" =")[0] for line in LINES if line and not line.startswith("#")}
    assert in_a_block == settings.names
    for before, line in itertools.pairwise(LINES):
        assert line.startswith(("#", *settings.names)) or not line
        assert before or line.startswith("#"), f"{line} has no comment"


@pytest.mark.parametrize("line", ["PORT 8000", "[server]", "nonsense"])
def test_a_broken_line_is_named(tmp_path, capsys, line):
    file = tmp_path / "settings.ini"
    file.write_text(f"# fine\nHOST = x\n\n{line}\n")
    assert "settings.ini line 4 is not `KEY = value`" in refused(capsys, settings.read, file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe = 1"], ids=["no file", "not text"])
def test_a_file_that_cannot_be_read(tmp_path, capsys, content):
    file = tmp_path / "settings.ini"
    if content:
        file.write_bytes(content)
    assert "settings.ini cannot be read" in refused(capsys, settings.read, file)


@pytest.mark.parametrize(
    ("text", "said"),
    [("PORT = 80", ""), ("", "has no line for PORT"), ("PORT = many", "PORT must be a port"), ("PORT = 0", "must be")],
)
def test_a_setting_is_read_or_named(tmp_path, capsys, monkeypatch, text, said):
    file = tmp_path / "settings.ini"
    file.write_text(text)
    monkeypatch.setattr(settings, "config", settings.read(file))
    call = (settings.setting, "PORT", settings.whole(1, 100), "a port")
    if said:
        assert said in refused(capsys, *call)
    else:
        assert call[0](*call[1:]) == 80


def test_the_environment_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("LATCHKEY_TEST", "7")
    file = tmp_path / "settings.ini"
    file.write_text("LATCHKEY_TEST = 5")
    monkeypatch.setattr(settings, "config", settings.read(file))
    assert settings.setting("LATCHKEY_TEST", int, "") == 7
    settings.names.discard("LATCHKEY_TEST")


def test_a_wrong_value_is_not_repeated(tmp_path, capsys, monkeypatch):
    """It may be a secret in the wrong line."""
    file = tmp_path / "settings.ini"
    file.write_text("PORT = my-secret-value")
    monkeypatch.setattr(settings, "config", settings.read(file))
    assert "my-secret-value" not in refused(capsys, settings.setting, "PORT", settings.whole(1, 9), "a port")


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "oracle://x/y", "x"])
def test_other_databases_are_refused(url):
    with pytest.raises(ValueError):
        settings.database_url(url)


def test_a_relative_database_starts_at_the_project():
    assert settings.database_url("sqlite:///a/b.db").database == str(settings.ROOT / "a/b.db")
    assert settings.database_url("sqlite:////a/b.db") == DatabaseURL("sqlite:////a/b.db")


@pytest.mark.parametrize(
    ("cast", "bad"),
    [(settings.whole(1, 5), "6"), (settings.whole(1, 5), "1.0"), (settings.one_of("a"), "b"), (settings.filled, "")],
)
def test_casts_refuse(cast, bad):
    with pytest.raises(ValueError):
        cast(bad)


@pytest.mark.parametrize("name", sorted(settings.names))
def test_every_setting_can_be_set_in_the_environment(monkeypatch, name):
    monkeypatch.setenv(name, "from the environment")
    assert settings.config(name) == "from the environment"


@pytest.mark.parametrize("port", ["", "many", "-1", "65536", "80.5"])
def test_a_wrong_value_in_the_environment_is_named(capsys, monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    line = refused(capsys, settings.setting, "PORT", settings.whole(0, 65535), "a whole number from 0 to 65535")
    assert line == "Latchkey: the setting PORT must be a whole number from 0 to 65535"


def test_a_folder_in_place_of_the_file_cannot_be_read(tmp_path, capsys):
    assert f"{tmp_path.name} cannot be read (IsADirectoryError)" in refused(capsys, settings.read, tmp_path)


def test_a_broken_line_is_not_repeated(tmp_path, capsys):
    """It may be a secret without its equals sign."""
    file = tmp_path / "settings.ini"
    file.write_text("SECRET_KEY my-secret-value\n")
    assert "my-secret-value" not in refused(capsys, settings.read, file)


@pytest.mark.parametrize(
    ("cast", "text", "value"),
    [
        (settings.whole(1, 5), "1", 1),
        (settings.whole(1, 5), "5", 5),
        (settings.one_of("a", "b"), "b", "b"),
        (settings.filled, "x", "x"),
    ],
)
def test_casts_take_what_is_within_their_bounds(cast, text, value):
    assert cast(text) == value


@pytest.mark.parametrize(
    ("cast", "bad"),
    [(settings.whole(1, 5), "0"), (settings.whole(1, 5), ""), (settings.one_of("a"), "A"), (settings.one_of("a"), "")],
)
def test_casts_refuse_what_is_just_outside(cast, bad):
    with pytest.raises(ValueError):
        cast(bad)


@pytest.mark.parametrize("name", ["TOKEN_ISSUER", "TOKEN_AUDIENCE"])
@pytest.mark.parametrize("value", ["", "x" * 201, "a\x1bb"])
def test_names_in_tokens_are_short_and_printable(name, value):
    with pytest.raises(ValueError):
        settings.name_of_ours(value)


@pytest.mark.parametrize("value", ["sqlite:///%00", "sqlite:///", "sqlite:///:memory:", "oracle://x/y"])
def test_a_database_is_a_file(value):
    with pytest.raises(ValueError):
        settings.database_url(value)


def test_a_list_is_what_stands_between_commas():
    assert settings.listed(" a#b, 'c' ,,d\\e ") == ("a#b", "'c'", "d\\e")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://tool.example.com",
        "HTTPS://Tool.Example.com:443",
        "http://10.0.0.1:8000/",
        "http://[::1]:8000",
        "https://müller.example",
    ],
)
def test_the_address_of_the_site_is_kept_without_a_slash(text):
    assert settings.site(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "tool.example.com", "ftp://x", "https://", "https://x/tool", "https://x?y", "x", "https://x#y", "https://x/#", "https://x:", "https://x:y",
        "https://x:0", "https://x:70000", "https://me@x", "https://me:secret@x", " https://x", "https://x ", "https://x\t", "https://x\n", "https://x y",
        "https://x\\y", "https://x;y", "https://x,https://y", "https://*", "https://.", "https://x..y", "https://[::1", "https://" + "x" * 64,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_site_is_refused(text):
    with pytest.raises(ValueError):
        settings.site(text)


@pytest.mark.parametrize(
    "text", ["", "smtp://u:p%40@mail.example.com", "smtps://mail.example.com:465", "smtp://10.0.0.1:25?tls=none"]
)
def test_a_mail_server_is_kept_as_a_secret(text):
    assert str(settings.mail_server(text)) == text
    assert "p%40" not in repr(settings.mail_server(text))


@pytest.mark.parametrize(
    "text", ["mail.example.com", "http://x", "smtp://", "smtp://x/y", "smtp://x?tls=no", "smtp://x:many", "smtp://x:0"]
)
def test_what_is_no_mail_server_is_refused(text):
    with pytest.raises(ValueError):
        settings.mail_server(text)


@pytest.mark.parametrize("text", ["", "latchkey@example.com", "Latchkey <latchkey@example.com>"])
def test_a_sender_of_mails_may_have_a_name(text):
    assert settings.sender(text) == text


@pytest.mark.parametrize("text", ["latchkey", "a@", "@b", "Latchkey <>", "a@b\r\nBcc: c@d"])
def test_what_is_no_sender_is_refused_at_the_start(text):
    with pytest.raises(ValueError):
        settings.sender(text)
