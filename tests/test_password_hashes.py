"""Formats of hashes, composed letters, and what a refused password costs whatever account and hash there is."""

import base64
import hashlib
import re
import unicodedata

import bcrypt
import pytest
from sqlalchemy import select, update

from tests import accounts
from tests.conftest import API, EMAIL, PASSWORD, add_employee, client_like, log_in
from webapp import settings
from webapp.auth import login, passwords
from webapp.database import database
from webapp.tables import employees

COST = re.compile(rb"\$(0[4-9]|[12][0-9]|3[01])\$")
COMPOSED = "caf\u00e9 violet \u1e69 tr\u00e8s loin"
TYPED = {
    "composed": COMPOSED,
    "decomposed": unicodedata.normalize("NFD", COMPOSED),
    # As neither form has it: the marks of one letter in another order.
    "neither": "caf\u00e9 violet s\u0307\u0323 tre\u0300s loin",
}


def older(password, cost=4):
    """Return a hash as versions before made it: bcrypt over base64(SHA-256(password)), the password as it was typed."""
    word = base64.b64encode(hashlib.sha256(password.encode()).digest())
    return bcrypt.hashpw(word, bcrypt.gensalt(cost)).decode()


def newer(password, cost=4):
    """Return a hash in today's format, of any cost."""
    return "hmac-sha256" + bcrypt.hashpw(passwords.prepared(password), bcrypt.gensalt(cost)).decode()


def store(run, password_hash, email=EMAIL):
    run(database.execute, update(employees).where(employees.c.email == email).values(password_hash=password_hash))


def stored(run, email=EMAIL):
    return run(database.fetch_val, select(employees.c.password_hash).where(employees.c.email == email))


@pytest.fixture
def many_tries(monkeypatch):
    """The limits on failed logins are out of reach."""
    for limit in ("PAIR", "ADDRESS", "EMAIL"):
        monkeypatch.setattr(settings, f"THROTTLE_{limit}_FAILURES", 10**6)


@pytest.fixture
def spent(monkeypatch):
    """The work of every bcrypt computation, which is 2 to the power of its cost; a check is made at the lowest cost."""
    work = []
    check, make = bcrypt.checkpw, bcrypt.hashpw

    def checked(word, hashed):
        work.append(2 ** int(hashed.split(b"$")[2]))
        return check(word, COST.sub(b"$04$", hashed, count=1))

    def made(word, salt):
        work.append(2 ** int(salt.split(b"$")[2]))
        return make(word, salt)

    monkeypatch.setattr(bcrypt, "checkpw", checked)
    monkeypatch.setattr(bcrypt, "hashpw", made)
    return work


class TestShucking:
    def test_a_plain_sha256_from_elsewhere_is_of_no_use(self):
        """Who has base64(SHA-256(password)) from another leak could try it without guessing the password."""
        bcrypt_hash = passwords.hash_now(PASSWORD).removeprefix("hmac-sha256").encode()
        digest = hashlib.sha256(PASSWORD.encode())
        for word in (digest.digest(), digest.hexdigest().encode(), base64.b64encode(digest.digest())):
            assert not bcrypt.checkpw(word.replace(b"\0", b""), bcrypt_hash)

    def test_the_format_stands_before_bcrypts_own_text_and_fits_into_its_column(self):
        made = passwords.hash_now(PASSWORD)
        assert made.startswith("hmac-sha256$2b$")
        assert len(made) <= employees.c.password_hash.type.length

    def test_an_older_hash_is_renewed_by_a_login_and_by_nothing_else(self, anonymous, run, ann):
        old = older(PASSWORD)
        store(run, old)
        log_in(anonymous, password="wrong")
        run(accounts.deactivate, ann.emp_no)
        assert log_in(anonymous).status_code == 422
        assert stored(run) == old
        run(database.execute, update(employees).values(is_active=True))
        assert log_in(anonymous).status_code == 303
        new = stored(run)
        assert new.startswith("hmac-sha256$2b$04$")
        assert log_in(anonymous).status_code == 303
        assert stored(run) == new, "renewed once"

    def test_a_hash_is_not_taken_for_one_of_the_other_format(self):
        old, new = older(PASSWORD), newer(PASSWORD)
        assert passwords.check_now(PASSWORD, old)
        assert passwords.check_now(PASSWORD, new)
        assert not passwords.check_now(PASSWORD, "hmac-sha256" + old)
        assert not passwords.check_now(PASSWORD, new.removeprefix("hmac-sha256"))

    def test_two_logins_at_once_both_renew_and_both_come_in(self, anonymous, run, ann, monkeypatch):
        store(run, older(PASSWORD))
        hash_password, others = passwords.hash_password, []

        async def hash_while_another_does(password):
            made = await hash_password(password)
            if not others:
                others.append(await hash_password(password))
                await database.execute(update(employees).values(password_hash=others[0]))
            return made

        monkeypatch.setattr(login.passwords, "hash_password", hash_while_another_does)
        assert log_in(anonymous).status_code == 303
        assert stored(run) == others[0]

    def test_a_password_changed_while_its_hash_is_renewed_lets_nobody_in(self, anonymous, run, ann, monkeypatch):
        store(run, older(PASSWORD))
        hash_password = passwords.hash_password

        async def hash_while_it_changes(password):
            await database.execute(update(employees).values(password_hash=await hash_password("another one")))
            return await hash_password(password)

        monkeypatch.setattr(login.passwords, "hash_password", hash_while_it_changes)
        assert log_in(anonymous).status_code == 422


class TestComposition:
    """NIST 800-63B-4 3.1.1.2: another keyboard composes é otherwise."""

    @pytest.mark.parametrize("typed", TYPED)
    @pytest.mark.parametrize("made_as", TYPED)
    @pytest.mark.parametrize("make", [older, newer])
    def test_a_password_is_the_same_however_it_is_composed(self, anonymous, run, ann, make, made_as, typed):
        """Who set it in neither normal form, in a version before, must type it once more as they did."""
        store(run, make(TYPED[made_as]))
        answer = log_in(anonymous, password=TYPED[typed])
        is_lost = make is older and made_as == "neither" and typed != "neither"
        assert answer.status_code == (422 if is_lost else 303)

    def test_similar_letters_are_others(self, anonymous, run):
        add_employee(run, password="final \ufb01nal \uff41bc long")
        assert log_in(anonymous, password="final final abc long").status_code == 422

    def test_the_longest_is_counted_as_it_is_composed(self, anonymous, run):
        add_employee(run, password="\u00e9" * 1000)
        assert log_in(anonymous, password="e\u0301" * 1000).status_code == 303
        for text in ("x" * 1001, "e\u0301" * 1000 + "x"):
            assert "at most 1,000" in log_in(anonymous, password=text).text

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_a_new_password_must_not_be_the_current_one_composed_otherwise(self, api, run, form):
        store(run, newer(COMPOSED))
        fields = {
            "current_password": unicodedata.normalize("NFD" if form == "NFC" else "NFC", COMPOSED),
            "new_password": unicodedata.normalize(form, COMPOSED),
        }
        answer = api.post("/api/password", data=fields)
        assert answer.status_code == 400
        assert "other than your current one" in answer.text

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_a_changed_password_works_in_both_forms(self, api, anonymous, form):
        new = unicodedata.normalize(form, COMPOSED)
        answer = api.post("/api/password", data={"current_password": PASSWORD, "new_password": new})
        assert answer.status_code == 200
        for typed in TYPED.values():
            assert log_in(anonymous, password=typed).status_code == 303


MALFORMED = {
    "empty": "",
    "a word": "x",
    "plain text": PASSWORD,
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b7dWRWJTmaaJObG",
    "pbkdf2": "pbkdf2_sha256$600000$abc$" + "A" * 43 + "=",
    "cost 3": "$2b$03$" + "." * 53,
    "cost 32": "$2b$32$" + "." * 53,
    "cost 31, which would take days": "$2b$31$" + "." * 22 + "A" * 31,
    "no cost": "$2b$xx$" + "." * 53,
    "too short": newer(PASSWORD)[:-1],
    "too long": newer(PASSWORD) + "x",
    "a line feed": newer(PASSWORD) + "\n",
    "a salt that is none": "$2b$04$" + "." * 21 + "Z" + "A" * 31,
    "only dots": "." * 60,
    "another prefix": "sha1" + older(PASSWORD),
    "twice": "hmac-sha256" + newer(PASSWORD),
}
KINDS = {
    "today's": lambda: newer(PASSWORD, 5),
    "today's, of a lower cost": lambda: newer(PASSWORD, 4),
    "today's, of a higher cost": lambda: newer(PASSWORD, 6),
    "older": lambda: older(PASSWORD, 5),
    "older, of a lower cost": lambda: older(PASSWORD, 4),
    "older, of a higher cost": lambda: older(PASSWORD, 6),
    "none yet": lambda: passwords.UNUSABLE,
    "none yet, of a higher cost": lambda: passwords.UNUSABLE.replace("$04$", "$12$"),
    "none yet, in today's format": lambda: "hmac-sha256" + passwords.UNUSABLE,
    "$2y$": lambda: older(PASSWORD, 5).replace("$2b$", "$2y$"),
    **{f"malformed: {name}": lambda text=text: text for name, text in MALFORMED.items()},
}
# A password's text, and how many readings of it older hashes may have.
WRONG = {"wrong": 1, "nul\0inside": 1, " ": 1, "x" * 1000: 1, **dict.fromkeys(TYPED.values(), 2), TYPED["neither"]: 3}


class TestCost:
    """ASVS 6.3.8: neither the answer nor its time tells which accounts there are, and what hashes they have."""

    @pytest.fixture(autouse=True)
    def with_one_costlier(self, anonymous, run, monkeypatch, many_tries):
        """BCRYPT_ROUNDS was 6 once, and somebody has not set a password since."""
        monkeypatch.setattr(settings, "BCRYPT_ROUNDS", 5)
        add_employee(run, "old.timer@example.com")
        store(run, newer("something else", 6), "old.timer@example.com")
        run(passwords.learn_highest_cost)

    def test_the_costlier_one_is_known_from_the_start(self):
        assert passwords.highest_known == 6

    @pytest.mark.parametrize("kind", [*KINDS, *(f"deactivated: {kind}" for kind in KINDS if "malformed" not in kind)])
    def test_every_refused_login_costs_the_same(self, anonymous, run, ann, spent, kind):
        program = client_like(anonymous, API)
        store(run, KINDS[kind.removeprefix("deactivated: ")]())
        if kind.startswith("deactivated"):
            run(accounts.deactivate, ann.emp_no)
        before = stored(run)
        is_always_refused = kind.startswith(("deactivated", "malformed", "none yet"))
        refused = {**WRONG, PASSWORD: 1} if is_always_refused else WRONG
        for password, readings in refused.items():
            for username in (EMAIL, "nobody@example.com"):
                spent.clear()
                answer = log_in(program, "/api/login", username=username, password=password)
                assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
                assert sum(spent) == readings * 2**6, (username, password[:20])
        assert stored(run) == before, "a refused login renews nothing"

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_wrong_current_password_costs_the_same(self, api, run, spent, kind):
        store(run, KINDS[kind]())
        for password, readings in WRONG.items():
            spent.clear()
            fields = {"current_password": password, "new_password": "several words that nobody guesses"}
            answer = api.post("/api/password", data=fields)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
            assert sum(spent) == readings * 2**6, password[:20]

    def test_a_costlier_hash_that_comes_later_counts_from_then_on(self, anonymous, run, ann, spent):
        store(run, newer(PASSWORD, 7))
        log_in(anonymous, password="wrong")
        for username in (EMAIL, "nobody@example.com"):
            spent.clear()
            log_in(anonymous, username=username, password="wrong")
            assert sum(spent) == 2**7

    def test_a_right_password_whose_hash_is_costlier_is_let_in_and_its_hash_stays(self, anonymous, run, ann):
        costlier = newer(PASSWORD, 6)
        store(run, costlier)
        assert log_in(anonymous).status_code == 303
        assert stored(run) == costlier


@pytest.mark.parametrize("make", [older, newer])
def test_no_password_has_a_hash_of_dots_in_any_format(make, monkeypatch):
    """Not even one whose bcrypt digest were all zeros."""
    monkeypatch.setattr(bcrypt, "checkpw", lambda word, hashed: True)
    assert passwords.check_now("x", make("x"))
    for unusable in (passwords.UNUSABLE, make("x")[:-31] + passwords.NO_DIGEST):
        assert not passwords.is_usable(unusable)
        assert not passwords.check_now("x", unusable)
    assert not passwords.check_now("x", None)
