"""Which new passwords are taken, everywhere by the same rule."""

import getpass
import threading
import unicodedata

import pytest

from tests.conftest import PASSWORD
from tests.test_commands import USER, main, refused, typed  # noqa: F401  the fixture
from webapp import settings
from webapp.auth import password_rules

OWN_WORDS = ("Ann", "Lee", "ann.lee@example.com")


def problem(password):
    return password_rules.problem_now(password, OWN_WORDS)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "only lowercase letters here",
        "917364820591736",
        "größe größe größe",
        " \t spaces \0 and nul count ",
        "名前のない猫と暮らす十五人の旅人",
        "ann feeds seven purple bicycles",
        "x7" + "Kq9 vw" * 20 + "m3",
        "purple 104855\nbicycles",
        "purple bicycles\n1999\n",
    ],
)
def test_any_character_is_taken_and_none_is_required(password):
    """ASVS 6.2.5, 6.2.9."""
    assert problem(password) == ""


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "15 to 1,000 characters"),
        ("fjd7slx9annkq4", "15 to 1,000 characters"),
        ("x" * 1001, "15 to 1,000 characters"),
        ("aaaaaaaaaaaaaaa", "repeats itself"),
        ("letmeinletmeinletmein", "repeats itself"),
        ("monkey1234567890", "made of what is tried first"),
        ("abcdefghijklmnopq", "a sequence"),
        ("qwertyuiopasdfghjkl", "made of what is tried first"),
        ("asdfghjkl;'[poiuyt", "follows the keys"),
        ("Ann Lee Ann Lee", "beside your name"),
        ("ANN.LEE@EXAMPLE.COM", "beside your name"),
        ("latchkeylatchkey", "the name of this site"),
        ("Password-Admin-Latchkey", "the name of this site"),
    ],
)
def test_what_is_guessed_first_is_refused_with_the_reason(password, said):
    """ASVS 6.2.1, 6.2.4, 6.2.11, 6.2.12."""
    assert said in problem(password)
    assert password.casefold() not in problem(password).casefold() or not password


def test_the_shortest_is_a_setting(monkeypatch):
    """ASVS 6.2.1."""
    assert settings.PASSWORD_MIN_LENGTH == 15
    monkeypatch.setattr(settings, "PASSWORD_MIN_LENGTH", 8)
    assert problem("fX7-slq") != ""
    assert problem("fjd7slx9k") == ""
    assert "At least 8 characters" in password_rules.in_words()


def test_what_the_estimator_looks_at_is_bounded(monkeypatch):
    """Its time grows with the square of the length."""
    import zxcvbn

    looked_at = []
    judge = zxcvbn.zxcvbn
    monkeypatch.setattr(zxcvbn, "zxcvbn", lambda text: looked_at.append(len(text)) or judge(text))
    assert "repeats itself" in problem("20" * 500)
    assert looked_at == [64]


@pytest.mark.parametrize(
    "password",
    ["4@8({[<69!1|0$5+7%2" * 4, "a4@b8c({[<g69i1!|0$5+7%xz2" * 3, "01234-56789-" * 6, "p@s$w0rd-p4s5w0rd-{(<[" * 3],
)
def test_no_password_takes_long_to_judge(monkeypatch, password):
    """ASVS 2.4.1: signs that look like letters once had it look into its lists hundreds of times."""
    from zxcvbn import matching

    looks = []
    look = matching.dictionary_match
    monkeypatch.setattr(
        matching, "dictionary_match", lambda *given, **named: looks.append(given) or look(*given, **named)
    )
    problem(password)
    assert 0 < len(looks) <= 60


@pytest.mark.parametrize("password", ["iloveyou1|0veyou", "{ompu7er(omput3r"])
def test_signs_in_place_of_letters_do_not_make_a_good_password(password):
    """ASVS 6.2.4."""
    assert "easy to guess" in problem(password)


def test_the_estimator_leaves_the_event_loop_alone(run, monkeypatch):
    threads = []
    monkeypatch.setattr(password_rules, "problem_now", lambda *_: threads.append(threading.get_ident()) or "")

    async def asked():
        assert await password_rules.problem_of("x", []) == ""
        return threading.get_ident()

    assert run(asked) not in threads
    assert len(threads) == 1


@pytest.mark.parametrize("password", ["letmeinletmein1", "Ann Lee Ann Lee", "aaaaaaaaaaaaaaa"])
def test_the_command_has_the_same_rule(running, stopped, typed, capsys, password):  # noqa: F811
    typed(password)
    line = refused(capsys, *USER, "--password-stdin")
    assert "easy to guess" in line
    assert password not in line
    assert line.endswith("nothing was changed")


def test_the_rules_are_said_before_typing(stopped, monkeypatch):
    asked = []
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or PASSWORD)
    main(USER)
    assert asked[0] == f"{password_rules.in_words()}\nPassword: "


COMPOSED = "pi\u00f1a l\u00e8ve \u1ebf t\u00f4t"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_password_is_judged_and_counted_as_it_is_composed(form, monkeypatch):
    """However the keyboard has composed its letters (NIST 800-63B-4 3.1.1.2)."""
    as_typed = unicodedata.normalize(form, COMPOSED)
    monkeypatch.setattr(settings, "PASSWORD_MIN_LENGTH", len(COMPOSED))
    assert problem(as_typed) == ""
    monkeypatch.setattr(settings, "PASSWORD_MIN_LENGTH", len(COMPOSED) + 1)
    assert "characters" in problem(as_typed)
    longest = unicodedata.normalize(form, (COMPOSED * 100)[:1000])
    assert "1,000" not in problem(longest)
    assert "to 1,000 characters" in problem(longest + "x")
    own_name = unicodedata.normalize(form, "Andr\u00e9-\u00c9lo\u00efse 1")
    monkeypatch.setattr(settings, "PASSWORD_MIN_LENGTH", 8)
    assert "beside your name" in password_rules.problem_now(own_name, ("Andr\u00e9", "\u00c9lo\u00efse", ""))
