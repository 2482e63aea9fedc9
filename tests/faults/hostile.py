"""What nobody should send, for every place of a request."""

import json

from tests.files.conftest import HEADINGS, as_xlsx

LONG = ["a" * 150, "a" * 151, "a" * 10_000, "ñ" * 151, "a\u0301" * 151, "🙂" * 200, "'; DROP TABLE cliente; --" * 20]
TEXTS = [
    "", " ", "\u200b", "\ufeff", "a\nb", "a\0b", "\x85", "\u2028", "\u202eevil", "\u2066x", "👩‍👩‍👧", "ﷺ", "١٢٣",
    "%", "_", "*", "\\", '"', "NaN", "null", "-1", "0", "1.5", "1e3", "9223372036854775807",
    "9223372036854775808", "9" * 5000, "..", "../../etc/passwd", "<script>", "=1+1", "{{7*7}}", "${x}", "a b",
    "a/b", "\x7f", "İ", "ß", "\U0010ffff", "\ue000", "Ñahui", *LONG,
]  # fmt: skip
# In JSON, whether it is JSON or not.
VALUES = [
    *map(json.dumps, TEXTS), '"\\ud800"', '"x\\udc00y"', '"\\ud83d"', "null", "true", "false", "0", "-0", "1",
    "-1", "1.5", "1.0", "1e2", str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), "9" * 5000,
    "-" + "9" * 5000, "1e400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity", "[]", "{}", "[1]", '["x"]',
    "[[]]", '{"a":1}', '{"$ne":null}', '{"a":1,"a":2}', '{"\\ud800":1}', '{"":1}', "[" * 2000,
    "[" * 1000 + "]" * 1000, '{"a":' * 60 + "1" + "}" * 60, "[" + "0," * 20_000 + "0]",
    "[" + "{}," * 150 + "{}]", "tru", "'x'", "01", "+1", ".5", "0x10", '"', '"\x01"', '"\\x"', "/**/1", "",
]  # fmt: skip
IDS = [
    "0", "-1", "1.5", "1e1", "%D9%A1", "٣", "9223372036854775807", "9223372036854775808", "9" * 400, "%00",
    "1%00", "%ff", "..", "%2e%2e", "1;a=b", "+1", "%201", "null", "1%2f2", "0x1", "a" * 3000, "%", "%zz",
    "{id}", "%F0%9F%99%82", "1//", "",
]  # fmt: skip
RAW_QUERY = [
    "%", "%zz", "%ff", "%ed%a0%80", "%c0%80", "%u0041", "a=%00", "&&&", "=", "=x", "a[]=1", ";", "q", "%71=x",
    "size=1&size=2",
]  # fmt: skip
HEADERS = [
    "If-Match", "If-None-Match", "Idempotency-Key", "Accept", "Accept-Encoding", "Accept-Language",
    "Accept-Charset", "Range", "If-Range", "If-Modified-Since", "X-Forwarded-For", "X-Forwarded-Host",
    "X-Forwarded-Proto", "X-Request-Id", "Authorization", "Host", "Cookie", "User-Agent", "Content-Encoding",
    "Content-Language", "Origin", "Access-Control-Request-Method", "Referer", "TE", "Trailer", "Via",
    "X-Http-Method-Override", "Upgrade", "Content-Disposition", "Date", "X_Odd",
]  # fmt: skip
HEADER_VALUES = [
    b"", b"*", b'"', b'""', b'W/"x"', b'"x", "y"', b"W/", b", ".join([b'"x"'] * 900), b"x" * 255, b"x" * 256,
    b"x" * 8000, b"\xff\xfe", b"\xc3\xb1", b"%00", b"0", b"-1", b"9" * 5000, b"bytes=0-1,5-", b"bytes=-1",
    b"gzip;q=nan", b"gzip;q=1e999, *;q=-1", b";q=", b",,,", b"identity;q=0", b"br, zstd", b"websocket",
    b"Bearer", b"Bearer x.y.z", b"Bearer \xff", b"Basic Og==", b"Digest username=x", b"a b c", b"a\tb",
    b"=?utf-8?q?x?=", b"evil.example", b"null", b"https://evil.example", b"[::1",
    b"Thu, 99 Foo 0000 99:99:99 GMT", b"a=b; c=\"",
]  # fmt: skip
REFUSED_VALUES = [b"\x00", b"a\x00b", b"\x7f", b"a\rb", b"x" * 9000]  # by gunicorn, before the application
TYPES = [
    b"", b"a", b"/", b"text/plain", b"application/xml", b"application/vnd.api+json",
    b"application/json; charset=utf-16", b"application/json;", b"application/json; charset=latin-1",
    b"application/json; charset=\xff", b'application/json; charset="', b"application/json, text/plain",
    b"APPLICATION/JSON", b"application/x-www-form-urlencoded", b"multipart/form-data",
    b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 300,
    b'multipart/form-data; boundary="a b"', b"multipart/form-data; boundary=\xc3\xb1",
]  # fmt: skip
_HEAD = ",".join(HEADINGS).encode()
_BOOK = as_xlsx([HEADINGS, ["Rosa Quispe", "PERSONA", "DNI", "01234567", "X-1"], [None, 1.5, True, "=1+1", "X-2"]])
FILES = [
    b"", b"\xef\xbb\xbf", _HEAD, b"nombre\n\n\n", b'a,b\n"', b"\0" * 100, b"PK\x03\x04" + b"\xff" * 300,
    b"x,y\n" * 3, b'{"nombre":"x"}\n', _BOOK, _BOOK[:-200], _BOOK[:50], _BOOK.replace(b"sheet1", b"sheet9"),
    _HEAD + b"\nx\xff\xfe,PERSONA,DNI,1,\x00\n", _HEAD.decode().encode("utf-16"),
    _HEAD + b"\n" + b"a" * 1001 + b",PERSONA,DNI,12345678,X-3\n", b";".join([b"nombre"] * 3000),
    _HEAD + b"\r=1+1,PERSONA,DNI,12345678,X-4\r", _HEAD + b"\n" + b",,,,\n" * 50, b"\xd0\xcf\x11\xe0" * 20,
    _HEAD + b'\n"a\nb","' + b"x" * 9000,
]  # fmt: skip
