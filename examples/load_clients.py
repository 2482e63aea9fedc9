"""Load a CSV of clients over the API, then read all of them back and compare every field.

The headings are the API's field names; an empty cell leaves its field out. Loading a file again does no harm: a code
that is taken is refused, and its row counts as good where the stored client is equal. Exit 1 names the bad rows.
"""

import argparse
import csv
import getpass
import http.client
import json
import os
import sys
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import SplitResult, urlsplit

Answer = tuple[int, Any]
TRIES = 6


class Connection(threading.local):
    """A kept-alive connection; each thread has its own."""

    def __init__(self, url: SplitResult) -> None:
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self.http = kind(url.netloc, timeout=30)


class Api:
    """The service, signed in: one session for all threads."""

    def __init__(self, url: str, dni: str, password: str) -> None:
        self.connection, self.renewing = Connection(urlsplit(url)), threading.Lock()
        self.session = success(self.send("POST", "/auth", {"dni": dni, "password": password}))

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Return status and JSON of a call; the first thread whose token has expired renews it for all."""
        token = self.session["token"]
        answer = self.send(method, path, body, token)
        if answer[0] != 401:
            return answer
        with self.renewing:
            if token == self.session["token"]:
                self.session = success(self.send("POST", "/auth/refresh", token=self.session["refreshToken"]))
        return self.send(method, path, body, self.session["token"])

    def send(self, method: str, path: str, body: Any = None, token: str = "") -> Answer:
        """Send one request; again after a lost connection, and after a 503 when its Retry-After has passed."""
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if data:
            headers["Content-Type"] = "application/json"
        for _ in range(TRIES):
            pause = "1"
            try:
                self.connection.http.request(method, path, data, headers)
                response = self.connection.http.getresponse()
                content = response.read()
                if response.status not in (502, 503, 504):
                    return response.status, json.loads(content)
                pause = response.headers.get("Retry-After", pause)
            except (OSError, http.client.HTTPException):
                self.connection.http.close()  # the next request opens it again
            time.sleep(float(pause))
        sys.exit(f"The service does not answer: {method} {path}, tried {TRIES} times")


def success(answer: Answer) -> Any:
    """Return the JSON of an answer that must be 200; else end the program."""
    return answer[1] if answer[0] == 200 else sys.exit(f"{answer[0]} {answer[1]['code']}: {answer[1]['detail']}")


def read_csv(path: str) -> dict[int, dict[str, str]]:
    """Return the rows by their number in a spreadsheet, as the service stores them; end the program for another file.

    Texts are trimmed and NFC; RUC, DNI and CE have no spaces or dashes. Blank rows are left out.
    """
    rows = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="cells without a heading", restval="")
            if missing := {"nombre", "codigoCliente"} - {*(reader.fieldnames or ())}:
                sys.exit(f"{path}: no column {' and no column '.join(sorted(missing))}; separate the cells by commas")
            for number, cells in enumerate(reader, start=2):
                row = {name: unicodedata.normalize("NFC", str(cell).strip()) for name, cell in cells.items()}
                if row.get("tipoDocumento") != "OTRO" and "numeroDocumento" in row:
                    row["numeroDocumento"] = compact(row["numeroDocumento"]).upper()
                if any(row.values()):
                    rows[number] = {name: cell for name, cell in row.items() if cell}
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}")
    except UnicodeDecodeError:
        sys.exit(f"{path}: not UTF-8; save the sheet as CSV UTF-8")
    return rows


def compact(number: str) -> str:
    """Drop spaces, dashes and what cannot be seen."""
    return "".join(c for c in number if unicodedata.category(c) not in ("Zs", "Pd", "Cf"))


def read_back(api: Api) -> dict[str, dict[str, Any]]:
    """Return every active client by its code in lower case, read page by page."""
    found: dict[str, dict[str, Any]] = {}
    page, pages = 0, 1
    while page < pages:
        listed = success(api.call("GET", f"/api/clientes?size=500&page={page}"))
        found |= {client["codigoCliente"].lower(): client for client in listed["content"]}
        page, pages = page + 1, listed["totalPages"]
    return found


def problem(row: dict[str, str], answer: Answer, stored: dict[str, Any] | None) -> str:
    """Return what is wrong with a row; nothing where every field came back as it went in."""
    differ = [name for name, value in row.items() if stored and stored.get(name) != value]
    if stored and not differ:
        return ""
    if answer[0] != 201:
        faults = [f"{error['field']}: {error['message']}" for error in answer[1]["errors"]]
        return f"{answer[1]['code']} " + ("; ".join(faults) or str(answer[1]["detail"]))
    return "differs in " + ", ".join(differ) if stored else "is not in the list"


def main() -> int:
    """Load, compare and print the counts; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--dni", required=True, help="who signs in; the password is in $PASSWORD, or is asked for")
    parser.add_argument("--threads", type=int, default=4)
    given = parser.parse_args()
    api = Api(given.url, given.dni, os.environ.get("PASSWORD") or getpass.getpass())
    rows, started = read_csv(given.file), time.monotonic()
    with ThreadPoolExecutor(given.threads) as pool:
        answers = list(pool.map(lambda row: api.call("POST", "/api/clientes", row), rows.values()))
    seconds, stored = time.monotonic() - started, read_back(api)
    bad = 0
    for (number, row), answer in zip(rows.items(), answers, strict=True):
        code = row.get("codigoCliente", "no code")
        if text := problem(row, answer, stored.get(code.lower())):
            print(f"row {number} ({code}): {text}", file=sys.stderr)
            bad += 1
    created = sum(status == 201 for status, _ in answers)
    print(f"{len(rows)} rows: {created} created in {seconds:.1f} s, {len(rows) - bad} read back equal, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
