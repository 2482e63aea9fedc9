"""What the index over the texts is made of: the tokens of a text, and those that a word is looked for by.

For each token the index keeps which texts have it, and nothing else. To see more a text must be read, which takes a
thousand times as long. So a word should be one token, or few, that no other texts have than those with the word:

- Up to three characters in a row, and four of which one is a digit, are a token, white space apart.
- A piece is what stands between white space and the digits 1 to 9. Each ending of a piece, of four characters or more,
  is a token, up to its 16th character: what begins with a word of letters is in the texts that have the word. Numbers
  would have too many endings. Zeros are part of a piece, because codes are padded with them.
- The same endings with the digit behind the piece are tokens, and so is the whole piece with the digit before it.
- A longer word with such digits is in some of the texts that have all of the tokens that are in it. Those are read.

Whoever changes the tokens adds a migration that empties the index: what this module says is what is taken out of it.
"""

import re

SHORT = 3
NUMBERED = 4
LONGEST = 16
LAST = "\U0010ffff"  # of all characters
IN_TEXT = re.compile(r"(?=((?=\S{0,3}[0-9])\S{4}))")  # each numbered token
DIGIT = re.compile("[0-9]")
PIECE = r"[^1-9\s]{4,}"
PIECES = re.compile(rf"([1-9]?)({PIECE})(?=([1-9]?))")
BEGINNING = re.compile(rf"[1-9]?{PIECE}")
ENDING = re.compile(rf"{PIECE}[1-9]")


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
    endings = []
    for before, piece, behind in PIECES.findall(text):
        starts = range(len(piece) - SHORT)
        endings += [piece[at : at + LONGEST] for at in starts]
        if before:
            endings.append((before + piece)[:LONGEST])
        if behind:
            endings += [piece[at:] + behind for at in starts[1 - LONGEST + SHORT :]]  # LONGEST with the digit
    return endings


def is_sure(word: str) -> bool:
    """Whether the texts with what is `sought` are those with the word, and no others."""
    return _is_token(word) or _is_beginning(word)


def sought(word: str) -> list[tuple[str, str]]:
    """Of the tokens from one to another each text with the word has one, for each of these pairs."""
    if _is_token(word):
        return [_only(word)]
    if _is_beginning(word):
        return [_from(word)]
    pairs = [_only(token) for token in IN_TEXT.findall(word)]
    for piece in PIECES.finditer(word):
        before, letters, behind = piece.groups()
        if behind:
            pairs.append(_only((letters + behind)[-LONGEST:]))
        if behind and before:
            pairs.append(_only((before + letters)[:LONGEST]))
        if not behind:
            pairs.append(_from((before + letters)[:LONGEST]))
    return [*dict.fromkeys(pairs)]


def _is_token(word: str) -> bool:
    if len(word) <= NUMBERED:
        return len(word) <= SHORT or bool(DIGIT.search(word))
    return len(word) <= LONGEST and bool(ENDING.fullmatch(word))


def _is_beginning(word: str) -> bool:
    """Whether each text with this word has a token that begins with it."""
    return len(word) <= LONGEST and bool(BEGINNING.fullmatch(word))


def _only(token: str) -> tuple[str, str]:
    return token, token


def _from(beginning: str) -> tuple[str, str]:
    return beginning, beginning + LAST * LONGEST
