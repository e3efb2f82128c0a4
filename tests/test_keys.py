"""The keys that sign tokens: made, kept, refused and rotated."""

import random
import re
import secrets
import stat
import string
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import API, client_like, session_of
from tests.hostile_tokens import HEADER, good_claims, signed
from tests.test_settings import refused
from webapp import settings
from webapp.auth import keys, tokens

TUTORIAL_KEY = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"


def test_a_random_key_is_made_once_and_said(tmp_path, capsys):
    file = tmp_path / "folder" / "key"
    first = keys.kept_in(file)
    assert capsys.readouterr().err == f"A key to sign tokens with was made and is kept in {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.checked(first)
    assert keys.kept_in(file) == first
    assert capsys.readouterr().err == ""
    assert [path.name for path in file.parent.iterdir()] == ["key"]


def test_two_at_once_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(keys.kept_in, [tmp_path / f"key{number // 8}" for number in range(64)]))
    assert len(made) == 8


def test_a_key_that_others_can_read_is_refused(tmp_path, capsys):
    file = tmp_path / "key"
    keys.kept_in(file)
    file.chmod(0o640)
    capsys.readouterr()
    assert f"chmod 600 {file}" in refused(capsys, keys.kept_in, file)


def test_a_file_that_holds_no_text_is_refused(tmp_path, capsys):
    file = tmp_path / "key"
    file.write_bytes(b"\xff" * 64)
    file.chmod(0o600)
    assert "holds no key of ours" in refused(capsys, keys.kept_in, file)


def test_a_place_that_cannot_be_written_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "set SECRET_KEY or SECRET_KEY_FILE" in refused(capsys, keys.kept_in, tmp_path / "file" / "key")


@pytest.mark.parametrize(
    "key", ["short", "x" * 31, "x" * 64, "abc" * 20, TUTORIAL_KEY, "a-string-secret-at-least-256-bits-long"]
)
def test_keys_that_can_be_guessed_are_refused_with_how_to_make_one(capsys, key):
    line = refused(capsys, keys.checked, key)
    assert "make one with: python3 -c" in line
    assert key not in line


def test_a_longer_hash_wants_a_longer_key(capsys, monkeypatch):
    key = secrets.token_urlsafe(30)
    assert keys.checked(key)
    monkeypatch.setattr(settings, "ALGORITHM", "HS512")
    assert "fewer than 64" in refused(capsys, keys.checked, key)


@pytest.mark.skipif(not (settings.ROOT / ".git").exists(), reason="the files are not a git checkout")
def test_every_key_in_this_repository_is_refused(capsys):
    log = subprocess.run(
        ["git", "log", "-p", "--all", "--no-color"], cwd=settings.ROOT, capture_output=True, check=True
    ).stdout
    text = log.decode(errors="replace")
    repeated = {word * int(times) for word, times in re.findall(r"""["'](\w+)["'] \* (\d+)""", text) if len(word) > 9}
    found = set(re.findall(r"""["'=](?:[A-Za-z0-9_+=-]{40,})["'\n]""", text))
    found = {key.strip("\"'=\n") for key in found}
    assert TUTORIAL_KEY in found
    assert "abcdefghij" * 4 in repeated
    for key in found | repeated:
        refused(capsys, keys.checked, key)


def test_a_keys_id_is_stable_and_tells_nothing_of_it():
    key = secrets.token_bytes(48)
    assert keys.key_id(key) == keys.key_id(key)
    assert re.fullmatch("[0-9a-f]{16}", keys.key_id(key))
    assert keys.key_id(key) != keys.key_id(key + b"x")


class TestRotation:
    @pytest.fixture
    def new_key(self, browser, monkeypatch):
        """A fresh key signs now; the one before still verifies, as after a restart."""
        key = secrets.token_bytes(48)
        monkeypatch.setitem(keys.KEYS, keys.key_id(key), key)
        monkeypatch.setattr(tokens, "SIGNING_KEY", key)
        monkeypatch.setattr(tokens, "SIGNING_KEY_ID", keys.key_id(key))
        tokens.verified.cache_clear()

    def test_a_living_sign_in_goes_on(self, browser, new_key, moved_clock):
        before = session_of(browser)
        assert browser.get("/admin/me").status_code == 200
        moved_clock.forward(1000)
        assert browser.get("/admin/me").status_code == 200
        assert session_of(browser).split(".")[0] != before.split(".")[0], "renewed under the new key"
        assert browser.get("/admin/me").status_code == 200

    def test_removing_a_key_kills_its_tokens(self, browser, new_key, monkeypatch):
        monkeypatch.delitem(keys.KEYS, keys.SIGNING_KEY_ID)
        assert browser.get("/admin/me").status_code == 303

    def test_one_key_under_the_name_of_another_is_refused(self, anonymous, browser, new_key, ann):
        sid = tokens.read_token(session_of(browser)).sid
        token = signed({**HEADER, "kid": tokens.SIGNING_KEY_ID}, good_claims(sid, ann.emp_no))
        assert client_like(anonymous, {**API, "Authorization": f"Bearer {token}"}).get("/api/me").status_code == 401


def test_a_key_needs_ten_different_characters(capsys):
    ten = "".join(random.sample(string.ascii_letters, 10))
    assert keys.checked(ten * 4)
    assert "can be guessed" in refused(capsys, keys.checked, ten[:9] * 4)


def test_a_key_needs_as_many_characters_as_its_hash_has_bytes(capsys):
    key = secrets.token_urlsafe(24)
    assert keys.checked(key) == key.encode()
    assert "fewer than 32" in refused(capsys, keys.checked, key[:-1])


def test_many_at_once_are_given_the_key_that_stays(tmp_path, capsys):
    file = tmp_path / "key"
    with ThreadPoolExecutor(8) as threads:
        given = set(threads.map(keys.kept_in, [file] * 8))
    assert given == {file.read_text().strip()}
    assert capsys.readouterr().err.count("was made") == 1, "only the first says so"
