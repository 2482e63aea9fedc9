"""Whether a line of a log tells about people, or holds what opens doors, however it is written there."""

import re
import unicodedata

from tests.conftest import DNI, PASSWORD, SECRET

# Of what the trials write about people and send as secrets, the letters and digits. Of names with an ñ the part
# behind it, so that a wrong decoding does not hide them.
PERSONAL = ("ahui", "choque", "ventasexamplepe", "952123456", "20100070970", "lamos12", "jrpuno", "jrica",
            "claveprivada", *("".join(filter(str.isalnum, secret)) for secret in (PASSWORD, SECRET)))  # fmt: skip
# What cannot be found so: tokens, hashes, and the DNIs of users, which may be a part of another number.
RAW = re.compile(rf"\beyJ[\w-]{{10,}}|argon2id|(?<![\d.])(?:{'|'.join(DNI.values())})(?![\d.])")
BYTES = re.compile(r"(?:(?:\\+x|%)[0-9a-fA-F]{2})+")
UNICODE = re.compile(r"\\+u([0-9a-fA-F]{4})")


def plain(line: str) -> str:
    """A line's letters and digits, without escapes (JSON's, Python's, those of addresses), case and accents."""
    text = UNICODE.sub(lambda match: chr(int(match[1], 16)), line)
    text = BYTES.sub(lambda match: _decoded(bytes.fromhex(re.sub(r"\\+x|%", "", match[0]))), text)
    text = unicodedata.normalize("NFKD", text.replace("+", " "))
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _decoded(found: bytes) -> str:
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.decode("latin-1")


def is_leak(line: str) -> bool:
    """Whether anything in it should not be in a log."""
    letters = plain(line)
    return RAW.search(line) is not None or any(secret in letters for secret in PERSONAL)
