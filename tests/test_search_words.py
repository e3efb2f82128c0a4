"""The words by which employees are found."""

import pytest

from webapp import search

SAME = [
    ("Müller", "muller"),
    ("SØREN", "soren"),
    ("Straße", "strasse"),
    ("O’Brien", "obrien"),
    ("Nguyễn", "nguyen"),
    ("a\u0301nn", "ann"),
    ("Þór", "thor"),
]


@pytest.mark.parametrize(("written", "folded"), SAME)
def test_neither_accents_nor_case_matter(written, folded):
    assert search.words_in(written) == search.words_in(written.upper()) == [folded]


def test_every_word_begins_a_row():
    words = search.words_of("Ann-Marie", "van der Berg", "boss@example.com")
    assert words == " van der berg  ann marie  boss  boss@example.com"
    firsts = {turn.split()[0] for turn in search.turns_of(words)}
    assert firsts == {"der", "berg", "ann", "marie", "boss"}
    for turn in search.turns_of(words):
        assert sorted(turn.split()) == sorted(words.split())


def test_a_word_that_comes_twice_begins_one_row():
    assert search.turns_of(search.words_of("Lee", "Lee", "lee.x@example.com")) == [" x lee.x@example.com lee lee"]


def test_the_order_of_words_is_that_of_names():
    people = [("Zoe", "Lee"), ("Ann", "Lee Brown"), ("Ann", "Leeds")]
    words = [search.words_of(first, last, "x@example.com") for first, last in people]
    assert words == sorted(words)


@pytest.mark.parametrize("odd", ["张" * 50, "ﷺ" * 50, "a " * 25, "\u200d", "☺" * 50, "😀" * 50])
def test_words_always_fit_their_column(odd):
    words = search.words_of(odd, odd, f"{'a.b' * 21}@{'x' * 180}.com")
    assert len(words) <= 600
    assert words.isascii()
    assert all(len(turn) <= 600 for turn in search.turns_of(words))
