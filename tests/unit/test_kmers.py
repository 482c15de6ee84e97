"""Words as numbers agree with words as text."""

from hypothesis import given
from hypothesis import strategies as st

from glmtracks.genome import encode
from glmtracks.kmers import canonical_kmers, kmers


def number(word: str) -> int:
    return sum("ACGT".index(base) * 4**place for place, base in enumerate(reversed(word)))


def mirror(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


@given(st.text("ACGTN", max_size=60), st.integers(1, 31))
def test_kmers_are_the_words_of_the_text(text, k):
    words, defined = kmers(encode(text), k)
    expected = [text[i : i + k] for i in range(len(text) - k + 1)]
    assert defined.tolist() == ["N" not in word for word in expected]
    assert words[defined].tolist() == [number(word) for word in expected if "N" not in word]


@given(st.text("ACGTN", max_size=60), st.integers(1, 31))
def test_canonical_kmers_are_the_same_on_both_strands(text, k):
    forward, backward = (
        words[defined] for words, defined in (canonical_kmers(encode(t), k) for t in (text, mirror(text)))
    )
    assert forward.tolist() == backward[::-1].tolist()
    words = [text[i : i + k] for i in range(len(text) - k + 1)]
    assert forward.tolist() == [min(number(word), number(mirror(word))) for word in words if "N" not in word]
