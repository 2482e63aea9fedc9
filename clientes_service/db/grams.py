"""What the index over the texts is made of: the tokens of a text, and those that a word is looked for by.

FTS5 keeps for each token the texts that have it, and nothing else. Asking for one takes 25 ns for each of those texts.
So a word should be one token, or few, that no other texts have than those with the word:

- Up to three characters in a row, and four of which one is a digit, are a token, white space apart.
- A piece is what stands between white space and the digits 1 to 9. Each ending of a piece, of four characters or more,
  is a token, up to its 32nd character: what begins with a word of letters is in the texts that have the word. Numbers
  would have too many endings. Zeros are part of a piece, because codes are padded with them.
- A longer word with such digits is in some of the texts that have all of its tokens of four characters. Those are read.

Whoever changes the tokens adds a migration that empties the index: triggers take out of it what this module says.
"""

import re

SHORT = 3
NUMBERED = 4
LONGEST = 32
IN_TEXT = re.compile(r"(?=((?=\S{0,3}[0-9])\S{4}))")  # each numbered token
DIGIT = re.compile("[0-9]")
PIECE = re.compile(r"[^1-9\s]{4,}")


def tokens(text: str) -> set[str]:
    """All tokens of a text."""
    chunks = text.split()
    return {
        *"".join(chunks),
        *[chunk[at : at + size] for chunk in chunks for size in (2, SHORT) for at in range(len(chunk) - size + 1)],
        *IN_TEXT.findall(text),
        *_endings(text),
    }


def _endings(text: str) -> list[str]:
    return [piece[at : at + LONGEST] for piece in PIECE.findall(text) for at in range(len(piece) - SHORT)]


def is_token(word: str) -> bool:
    """Whether each text with this word has it as a token."""
    return len(word) <= SHORT or (len(word) == NUMBERED and bool(DIGIT.search(word)))


def is_beginning(word: str) -> bool:
    """Whether each text with this word has a token that begins with it."""
    return len(word) <= LONGEST and bool(PIECE.fullmatch(word))


def needed(word: str) -> list[str]:
    """Tokens that each text with any other word has, among other texts."""
    return [word[:LONGEST]] if PIECE.fullmatch(word) else [*dict.fromkeys(IN_TEXT.findall(word))]


def listed(text: str, other: str = "") -> str:
    """The tokens of a text, without those of another one, as FTS5 reads them. The function `gramas` of SQL."""
    if not other:
        return " ".join(tokens(text))
    chunks = {*other.split()}
    changed = tokens(" ".join([chunk for chunk in text.split() if chunk not in chunks])).difference(_endings(other))
    return " ".join([token for token in changed if not (is_token(token) and token in other)])
