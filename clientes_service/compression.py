"""Compresses answers for callers who accept it, the streamed ones too.

A compressed answer's ETag has the encoding behind a colon, since its bytes are others (RFC 9110 §8.8.3.3);
`http.tag_forms` knows such a tag again. Tokens are in headers, not cookies, so that no other site can make a browser
ask for a secret beside a text of its choice (the BREACH attack).
"""

from flask import Flask, Response
from flask_compress import Compress

from clientes_service.http import ENCODINGS, current_request

MEDIA_TYPES = [
    "application/json", "application/problem+json", "application/x-ndjson", "image/svg+xml", "text/css", "text/csv",
    "text/html", "text/javascript",
]  # fmt: skip
MIN_BYTES = 500  # what fits one packet gains nothing


def init_app(app: Flask) -> None:
    """Compress the answers to those who say what they accept; the others do not wait for the library's questions."""
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_MIMETYPES=MEDIA_TYPES,
        COMPRESS_MIN_SIZE=MIN_BYTES,
        COMPRESS_ALGORITHM=ENCODINGS,
        COMPRESS_ALGORITHM_STREAMING=ENCODINGS,
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,  # the views do, before they read anything
    )
    compress = Compress(app)

    def compressed(response: Response) -> Response:
        if "HTTP_ACCEPT_ENCODING" in current_request().environ:
            return compress.after_request(response)
        response.headers.add("Vary", "Accept-Encoding")
        return response

    app.after_request(compressed)
