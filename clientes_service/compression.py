"""Compresses answers for callers who accept it, the streamed ones too.

A compressed answer's ETag has the encoding behind a colon, since its bytes are others (RFC 9110 §8.8.3.3);
`http.tag_forms` knows such a tag again. Tokens are in headers, not cookies, so that no other site can make a browser
ask for a secret beside a text of its choice (the BREACH attack).
"""

from functools import lru_cache

from flask import Flask, Response
from flask_compress import Compress
from werkzeug.http import parse_accept_header

from clientes_service.http import ENCODINGS, current_request

MEDIA_TYPES = [
    "application/json", "application/problem+json", "application/x-ndjson", "image/svg+xml", "text/css", "text/csv",
    "text/html", "text/javascript",
]  # fmt: skip
MIN_BYTES = 500  # what fits one packet gains nothing
REMEMBERED = 100  # values of Accept-Encoding


def init_app(app: Flask) -> None:
    """Compress the answers to those who accept it; the others do not wait for the library's questions."""
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_MIMETYPES=MEDIA_TYPES,
        COMPRESS_MIN_SIZE=MIN_BYTES,
        COMPRESS_ALGORITHM=ENCODINGS,
        COMPRESS_ALGORITHM_STREAMING=ENCODINGS,
        # As it is, brotli would keep the first 8 MB of a stream to itself; so it is 0.5 MB, and no larger in the end.
        COMPRESS_BR_WINDOW=18,
        COMPRESS_BR_BLOCK=16,
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,  # the views do, before they read anything
    )
    compress = Compress(app)

    def compressed(response: Response) -> Response:
        environ = current_request().environ
        best = best_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if best is None:
            response.headers.add("Vary", "Accept-Encoding")
            return response
        environ["HTTP_ACCEPT_ENCODING"] = best  # the library takes `gzip;q=0` for gzip
        said = response.status
        if response.status_code >= 400:  # which the library leaves alone; the report on a bad file may be long
            response.status_code = 200
        response = compress.after_request(response)
        response.status = said
        return response

    app.after_request(compressed)


@lru_cache(REMEMBERED)
def best_encoding(accepted: str) -> str | None:
    """The encoding that an Accept-Encoding likes best (RFC 9110 §12.5.3), None where that is none of ours."""
    quality = parse_accept_header(accepted).quality
    best = max(ENCODINGS, key=quality)
    return best if quality(best) > 0 and quality(best) >= quality("identity") else None
