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


def test_every_word_but_the_first_has_a_row():
    words = search.words_of("Ann-Marie", "van der Berg", "boss@example.com")
    assert words == " van der berg  ann marie  boss  boss@example.com"
    assert [row["word"] for row in search.rows_for(1, words, None)] == ["der", "berg", "ann", "marie", "boss"]


def test_a_word_that_comes_twice_has_one_row():
    assert search.single_words(search.words_of("Lee", "Lee", "lee.x@example.com")) == ["x"]


def test_the_order_of_words_is_that_of_names():
    people = [("Zoe", "Lee"), ("Ann", "Lee Brown"), ("Ann", "Leeds")]
    words = [search.words_of(first, last, "x@example.com") for first, last in people]
    assert words == sorted(words)


@pytest.mark.parametrize("odd", ["张" * 50, "ﷺ" * 50, "a " * 25, "\u200d", "☺" * 50, "😀" * 50])
def test_words_always_fit_their_column(odd):
    words = search.words_of(odd, odd, f"{'a.b' * 21}@{'x' * 180}.com")
    assert len(words) <= 600
    assert words.isascii()
    assert all(len(word) <= 100 for word in search.single_words(words))
