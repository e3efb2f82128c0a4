"""The keys that sign tokens: made, kept, refused and rotated."""

import base64
import hashlib
import os
import random
import re
import secrets
import stat
import string
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import API, client_like, session_of
from tests.hostile_tokens import HEADER, good_claims, signed
from tests.test_settings import refused
from webapp import settings
from webapp.auth import key_strength, keys, tokens

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
    "key",
    [
        "short",
        "x" * 31,
        "x" * 64,
        "abc" * 20,
        TUTORIAL_KEY,
        "a-string-secret-at-least-256-bits-long",
        "61973d7ebb87638191435feaed4789a0c0ba173bd102f2c1f940344d9745a8be",
        "super-secret-key-change-me-in-production",
        "your-256-bit-secret-your-256-bit-secret",
        "0123456789abcdef0123456789abcdef",
        "S3CR3T_KEY_CHANGE_ME_IN_PRODUCTION_PLEASE",
        "this is a very long secret key for development only",
        "mysupersecretkeythatshouldbechanged",
        "00112233445566778899aabbccddeeff",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "hunter2-hunter2-hunter2-hunter2-hunter2",
        "dev" + " " * 40,
        "'" * 20 + "key" + "'" * 20,
        "s e c r e t k e y c h a n g e m e p l e a s e",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        bytes(range(32)).hex(),
        bytes(range(64, 0, -2)).hex().upper(),
        base64.b64encode(bytes(range(48))).decode(),
        base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("="),
        hashlib.sha256(b"").hexdigest(),
        hashlib.sha256(b"secret\n").hexdigest().upper(),
        hashlib.md5(b"password").hexdigest(),  # noqa: S324  a key that somebody may have made so
        hashlib.sha512(b"letmein").hexdigest(),
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    ],
)
def test_keys_that_can_be_guessed_are_refused_with_how_to_make_one(capsys, key):
    line = refused(capsys, keys.checked, key)
    assert "make one with: python3 -c" in line
    assert key not in line


VARIANTS = {
    "spaces around": lambda key: f"  {key}\t",
    "a line feed": lambda key: f"{key}\r\n",
    "quotes": lambda key: f'"{key}"',
    "quotes and spaces": lambda key: f" '{key}' \n",
    "a byte order mark": lambda key: f"\ufeff{key}",
    "wrapped": lambda key: f"{key[:20]}\n{key[20:]}",
    "upper case": str.upper,
    "doubled": lambda key: key * 2,
    "doubled with a space": lambda key: f"{key} {key}",
    "three times": lambda key: key * 3,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 without padding": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in upper case": lambda key: key.encode().hex().upper(),
    "with its name": lambda key: f"SECRET_KEY={key}",
    "with its name and quotes": lambda key: f"export SECRET_KEY = '{key}';",
    "base64 with its name": lambda key: f"base64:{base64.b64encode(key.encode()).decode()}",
    "as bytes of Python": lambda key: f"b'{key}'",
    "with colons": lambda key: ":".join(key[at : at + 2] for at in range(0, len(key), 2)),
    "in brackets": lambda key: f"<{key}>",
    "in typographic quotes": lambda key: f"“{key}”",
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("key", [TUTORIAL_KEY, "super-secret-key-change-me-in-production"])
def test_a_known_key_is_refused_however_it_was_pasted(capsys, key, variant):
    text = VARIANTS[variant](key)
    line = refused(capsys, keys.checked, text)
    assert "published" in line or "can be guessed" in line


@pytest.mark.parametrize("write", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_known_key_in_hexadecimal_is_refused_in_base64_too(capsys, write):
    assert "published" in refused(capsys, keys.checked, write(bytes.fromhex(TUTORIAL_KEY)).decode().rstrip("="))
    assert "published" in refused(capsys, keys.checked, f"0x{TUTORIAL_KEY}")


def test_the_list_of_known_keys_is_sorted_and_says_where_it_is_from():
    lines = key_strength.KNOWN.read_text(encoding="ascii").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    digests = lines[len(comments) :]
    assert digests == sorted(set(digests))
    assert len(digests) > 1800
    assert all(re.fullmatch("[0-9a-f]{16}", digest) for digest in digests)
    assert "wallarm/jwt-secrets" in "".join(comments)
    assert "MIT" in "".join(comments)


@pytest.mark.parametrize("digest", ["570dad43de1af4c9", "96b288e1c8ae8e77", "775ad11d37eebfe9", "465d9ad5d5528ebe"])
def test_what_an_earlier_version_knew_is_known(digest):
    assert digest in key_strength.KNOWN.read_text(encoding="ascii").split()


def random_keys(seed):
    """Return a random key of each kind that people make."""
    source = random.Random(seed)  # noqa: S311  the same at every run

    def urlsafe(count):
        return base64.urlsafe_b64encode(source.randbytes(count)).rstrip(b"=").decode()

    yield from (urlsafe(48), urlsafe(32), urlsafe(64), source.randbytes(32).hex(), source.randbytes(64).hex())
    yield base64.b64encode(source.randbytes(32)).decode()
    yield base64.b64encode(source.randbytes(48)).decode() + "\n"
    yield "".join(str(uuid.UUID(int=source.getrandbits(128), version=4)) for _ in range(2))
    yield "".join(uuid.UUID(int=source.getrandbits(128), version=4).hex for _ in range(2))
    yield source.randbytes(16).hex()


@pytest.mark.parametrize("seed", range(3))
def test_no_random_key_is_refused(seed):
    for key in random_keys(seed):
        assert keys.checked(key) == key.encode()


@pytest.mark.processes
def test_no_random_key_of_thousands_is_refused():
    for seed in range(100, 200):
        for key in random_keys(seed):
            assert keys.checked(key)


class TestMadeHere:
    def test_a_start_with_a_key_that_was_made_here_need_not_judge_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(keys.key_strength, "can_be_guessed", None)
        made = keys.kept_in(tmp_path / "key")
        assert keys.checked(made) == made.encode()

    def test_nobody_else_makes_such_a_key(self):
        assert key_strength.is_made_here(key_strength.new())
        for key in (
            "",
            "x" * 97,
            secrets.token_urlsafe(64),
            key_strength.new()[:-1],
            key_strength.new() + "x",
            "é" * 64,
        ):
            assert not key_strength.is_made_here(key)

    def test_a_key_that_was_changed_by_hand_is_judged(self, capsys):
        made = key_strength.new()
        weak = "super-secret-key-change-me-in-production" + made[40:]
        assert not key_strength.is_made_here(weak)


def test_the_others_are_called_by_their_names(tmp_path, capsys):
    def start(**own):
        environment = {**os.environ, "SECRET_KEY_FILE": str(tmp_path / "key"), "PORT": "0", **own}
        line = [sys.executable, "run.py", "sign-ins", "ann@example.com"]
        done = subprocess.run(line, cwd=settings.ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        (only,) = done.stderr.splitlines()
        assert TUTORIAL_KEY not in only
        return only

    assert "a key of PREVIOUS_SECRET_KEYS is a published key" in start(PREVIOUS_SECRET_KEYS=f"x, {TUTORIAL_KEY}"[3:])
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(f"{TUTORIAL_KEY}\n")
    assert f"the key in {tmp_path}/key is a published key" in start(SECRET_KEY="")


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


@pytest.mark.parametrize("count", [1, 9, 10, 20])
def test_a_key_that_repeats_itself_can_be_guessed(capsys, count):
    """Also where what it repeats is random: 20 characters of a password that somebody has twice would do."""
    unit = "".join(random.sample(string.ascii_letters, count))
    assert "can be guessed" in refused(capsys, keys.checked, unit * (80 // count))


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
