"""Uploads while there is no room for them. tests/faults/disk.py fills a real file system."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from clientes_service.files import views
from tests.conftest import assert_problem
from tests.files.conftest import Import, as_csv, row


def test_an_upload_that_finds_no_room_is_503(send: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archivo").symlink_to("/dev/full")
    monkeypatch.setattr(views, "TemporaryDirectory", lambda: nullcontext(tmp_path))
    answer = send(as_csv([row(1)]))
    assert_problem(answer, 503, "NO_DISPONIBLE")
    assert int(answer.headers["Retry-After"]) > 0
