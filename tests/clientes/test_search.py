"""GET /api/clientes?q=: words that all occur, anywhere, whatever their case and accents."""

import random
import re
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service import db
from clientes_service.clientes import lists, search, texts, views
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.models import TipoCliente
from clientes_service.db import text_index
from tests.conftest import EMPRESA, Caller, assert_problem
from tests.files.conftest import as_csv, as_form

Make = Callable[..., dict[str, Any]]
FIELDS = ("nombre", "numeroDocumento", "codigoCliente", "telefono", "email", "contactoRepresentante", "direccion")


def plain(text: str) -> str:
    """NFKD, combining marks dropped, casefold."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


def is_found(client: dict[str, Any], typed: str) -> bool:
    """The contract's words, one by one."""
    words = [word for word in re.split(r"[\s\x00-\x1f\x7f-\x9f]+", plain(typed)) if word]
    fields = [plain(client[name] or "") for name in FIELDS]
    numbers = [plain(client[name] or "") for name in ("telefono", "numeroDocumento")]
    return all(
        any(word in field for field in fields)
        or (word.isascii() and word.isdigit() and any(word in re.sub(r"[\s-]", "", number) for number in numbers))
        for word in words
    )


def found(caller: Caller, typed: str, **others: str) -> list[int]:
    answer = caller.get("/api/clientes", query_string={"q": typed, "size": "500", **others})
    assert answer.status_code == 200, answer.text
    assert answer.json["totalElements"] == len(answer.json["content"])
    return [row["id"] for row in answer.json["content"]]


def check_index() -> None:
    """Compare the index with the texts."""
    if db.engine().name == "sqlite":
        assert db.engine().damage() is None


@pytest.mark.parametrize("few", [0, 100_000])
@pytest.mark.parametrize("indexed", [0, 40, 60])
def test_random_searches_agree_with_the_definition(
    consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, indexed: int, few: int
) -> None:
    monkeypatch.setattr(lists, "SORTING", few)
    monkeypatch.setattr(search, "FEW", few)
    rng = random.Random(20261124)
    names = [
        "Ñandú",
        "José",
        "MARÍA",
        "Quispe",
        "Straße",
        "İzmir",
        "a_b%c!d",
        "100%",
        "O'Higgins",
        "\ufb01n",
        "Núñez",
        "e\u0301",
    ]
    phones = ["+51 952 123 456", "(052) 42-11-00", "952-111-222", "952000111", "01 4 44 / 55-66", None]

    def make_one() -> dict[str, Any]:
        return make_cliente(
            nombre=" ".join(rng.sample(names, 3)),
            telefono=rng.choice(phones),
            direccion=rng.choice(["Av. Los Álamos 12", "Jr. Unión #5", None, '"Sol" & Luna']),
            email=rng.choice(["a.b+c@example.pe", None, "ventas@example.pe"]),
            contactoRepresentante=rng.choice([*names, None]),
            **rng.choice(
                [
                    {"tipoDocumento": "OTRO", "numeroDocumento": "AB 12-34"},
                    {"tipoDocumento": "DNI", "numeroDocumento": f"{rng.randrange(10**8):08d}"},
                    {},
                ]
            ),
        )

    clients = [make_one() for _ in range(indexed)]
    db.engine().texts.extend(1)
    clients += [make_one() for _ in range(60 - indexed)]
    haystack = [str(client[name]) for client in clients for name in FIELDS if client[name]]
    hits = 0
    for _ in range(300):
        words = []
        for _ in range(rng.randrange(1, 4)):
            text = rng.choice(haystack)
            start = rng.randrange(len(text))
            word = text[start : start + rng.randrange(1, 9)]
            words.append(rng.choice([word, word.upper(), plain(word), re.sub(r"[\s-]", "", word), word[::-1]]))
        typed = rng.choice([" ", "  ", "\t", "\u00a0"]).join(words)
        expected = [client["id"] for client in clients if is_found(client, typed)]
        assert found(consulta, typed) == expected, typed
        hits += len(expected)
    assert hits > 1000


@pytest.mark.parametrize(
    "typed",
    ["%", "_", "!", "\\", "'", '"', "*", "a*", "-x", "a OR b", "NEAR(a b)", "^a", "nombre:a", "(", "\x00", "a\x00b",
     "%00", "\ud7ff", "\ufffd", "x" * 3000, "' OR 1=1 --", "ß", "İ", "\u0301",
     " ".join(f"{n:02d}x" for n in range(900))],
)  # fmt: skip
@pytest.mark.parametrize("is_indexed", [False, True])
def test_nothing_that_is_typed_is_an_operator_or_an_error(
    consulta: Caller, make_cliente: Make, is_indexed: bool, typed: str
) -> None:
    made = [make_cliente(), make_cliente(nombre="100% _!\\ '\" * a OR b NEAR(a b) ^a nombre:a (")]
    if is_indexed:
        db.engine().texts.extend(1)
    assert found(consulta, typed) == [client["id"] for client in made if is_found(client, typed)]


@pytest.mark.parametrize("typed", ["", " ", "\t", "\u00a0", "\x00"])
def test_a_blank_search_is_no_condition(consulta: Caller, make_cliente: Make, typed: str) -> None:
    made = [make_cliente()["id"] for _ in range(3)]
    assert found(consulta, typed) == made


@pytest.mark.sqlite
def test_every_character_that_can_be_typed_is_part_of_a_token(consulta: Caller, make_cliente: Make) -> None:
    characters = [chr(code) for code in range(0x21, 0x7F) if not chr(code).isalnum()] + [*"ñ€中\U0001f600"]
    made = {mark: make_cliente(nombre=f"kz{mark}wq")["id"] for mark in characters}
    db.engine().texts.extend(1)
    for mark, id in made.items():
        for typed in (f"kz{mark}wq", f"z{mark}w", f"{mark}wq"):
            assert found(consulta, typed) == [id], typed
        assert id in found(consulta, mark), mark


def test_a_search_goes_with_filters_order_and_cursors(oficina: Caller, make_cliente: Make) -> None:
    made = [make_cliente(nombre=f"Botica {number % 3}")["id"] for number in range(9)]
    make_cliente(nombre="Ferretería")
    oficina.delete(f"/api/clientes/{made[0]}")
    assert found(oficina, "botica") == made[1:]
    assert found(oficina, "botica", vigente="false") == made[:1]
    assert found(oficina, "botica", tipoCliente="PERSONA") == []
    whole = found(oficina, "BOTICA", sort="nombre,desc")
    seen, path = [], "/api/clientes?q=b%C3%B3tica&sort=nombre,desc&size=3"
    while path:
        answer = oficina.get(path)
        seen += [row["id"] for row in answer.json["content"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == whole
    assert len(oficina.get("/api/clientes/exportar?formato=ndjson&q=botica").text.splitlines()) == 8
    cursor = oficina.get("/api/clientes?q=botica&size=1").json["nextCursor"]
    assert_problem(oficina.get(f"/api/clientes?q=botic&cursor={cursor}"), 422, "VALIDACION", "cursor")
    assert oficina.get(f"/api/clientes?q=BOTICA&cursor={cursor}").status_code == 200  # the same search


@pytest.mark.parametrize("few", [0, 100_000])
@pytest.mark.parametrize("sort", [f"{name},{way}" for name in search.SORTABLE for way in ("asc", "desc")])
def test_a_search_has_the_order_of_the_list_on_every_page(
    consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, sort: str, few: int
) -> None:
    monkeypatch.setattr(lists, "SORTING", few)
    monkeypatch.setattr(search, "FEW", few)
    clients = [make_cliente(nombre=f"{'ZMA'[number % 3]} Botica {number % 4}") for number in range(40)]
    db.engine().texts.extend(1)
    whole = [row["id"] for row in consulta.get(f"/api/clientes?size=500&sort={sort}").json["content"]]
    for typed in ("botica", "m", "botica 3", "z 1", "nadie"):
        expected = [id for id in whole if is_found(clients[id - 1], typed)]
        assert found(consulta, typed, sort=sort) == expected
        path, behind = f"/api/clientes?q={typed}&sort={sort}&size=3", []
        pages = [consulta.get(f"{path}&page={page}").json for page in range(len(expected) // 3 + 2)]
        assert [row["id"] for page in pages for row in page["content"]] == expected
        cursor = ""
        while cursor is not None:
            answer = consulta.get(path + cursor).json
            assert answer["totalElements"] == len(expected)
            behind += [row["id"] for row in answer["content"]]
            cursor = answer["nextCursor"] and f"&cursor={answer['nextCursor']}"
        assert behind == expected


@pytest.mark.sqlite
@pytest.mark.parametrize("sort", ["id", "nombre"])
def test_all_that_a_search_reads_is_of_one_moment(
    consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    for _ in range(3):
        make_cliente()
    find, asked = text_index.IndexedTexts.find, []

    def find_in_snapshot(self: text_index.IndexedTexts, words: Any, are_active: bool | None) -> Any:
        assert db.engine().in_transaction()
        asked.append(words)
        return find(self, words, are_active)

    monkeypatch.setattr(text_index.IndexedTexts, "find", find_in_snapshot)
    for _ in range(2):  # not remembered, and remembered
        path = f"/api/clientes?q=example&sort={sort}&size=1"
        cursor = consulta.get(path).json["nextCursor"]
        assert len(consulta.get(f"{path}&cursor={cursor}").json["content"]) == 1
        views._pages.clear()
    [rows] = search.iterate_rows(search.Filters(words=("example",), sort=sort))
    assert len(rows) == 3
    assert len(asked) > 4


@pytest.mark.parametrize("is_indexed", [False, True])
def test_every_change_is_found_at_once(admin: Caller, is_indexed: bool) -> None:
    id = admin.post("/api/clientes", json={**EMPRESA, "nombre": "Primero"}).json["id"]
    assert found(admin, "primero") == [id]
    if is_indexed:
        db.engine().texts.extend(1)
        assert found(admin, "primero") == [id]
    admin.put(f"/api/clientes/{id}", json={"nombre": "Segundo", "telefono": "911 222 333"})
    assert (found(admin, "primero"), found(admin, "segundo 911222333")) == ([], [id])
    admin.delete(f"/api/clientes/{id}")
    assert found(admin, "segundo") == []
    admin.post(f"/api/clientes/{id}/restaurar")
    assert found(admin, "segundo") == [id]
    body, kind = as_form(
        as_csv([{**EMPRESA, "nombre": "Tercero"}, {**EMPRESA, "codigoCliente": "X-2", "nombre": "Cuarto"}])
    )
    answer = admin.post("/api/clientes/importar?modo=upsert", data=body, content_type=kind)
    assert (answer.json["creados"], answer.json["actualizados"]) == (1, 1)
    assert (found(admin, "segundo"), found(admin, "tercero"), found(admin, "cuarto")) == ([], [id], [id + 1])
    admin.post(f"/api/clientes/{id}/anonimizar")
    assert found(admin, "tercero", vigente="todos") == []
    assert found(admin, "anonimizado", vigente="todos") == [id]
    texts_kept = {text for (text,) in db.execute("SELECT texto FROM busqueda").fetchall()}
    assert not [text for text in texts_kept if "tercero" in text]
    db.engine().texts.extend(1)
    check_index()


def test_a_search_may_ask_for_kinds_codes_and_documents(
    consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SORTING", 100_000)
    monkeypatch.setattr(search, "FEW", 1)
    persona = {"tipoCliente": "PERSONA", "tipoDocumento": "DNI", "numeroDocumento": "01234567"}
    people = [make_cliente(nombre="Ana Ríos", **persona)["id"] for _ in range(4)]
    firms = [make_cliente(nombre="Ríos SAC", codigoCliente=f"R{number}")["id"] for number in range(4)]
    for _ in range(2):
        assert found(consulta, "rios") == people + firms
        assert found(consulta, "rios", tipoCliente="PERSONA") == people
        assert found(consulta, "rios", tipoDocumento="RUC") == firms
        assert found(consulta, "rios", tipoCliente="PERSONA", tipoDocumento="RUC") == []
        assert found(consulta, "rios", numeroDocumento="0123-4567") == people
        assert found(consulta, "rios", codigoCliente="r1") == firms[1:2]
        assert found(consulta, "persona") == found(consulta, "dni") == []  # kinds are no text
        db.engine().texts.extend(1)


def test_every_kind_has_a_word() -> None:
    assert texts.CLIENTE_WORDS.keys() == {*TipoCliente}
    assert texts.DOCUMENTO_WORDS.keys() == {*TipoDocumento}
    words = [*texts.CLIENTE_WORDS.values(), *texts.DOCUMENTO_WORDS.values()]
    assert len({*words}) == len(words)
    assert not [word for word in words if texts.search_words(word)]  # nobody can type them


def test_each_kind_is_found_by_the_index(consulta: Caller, make_cliente: Make) -> None:
    numbers = {"RUC": "20100070970", "DNI": "01234567", "CE": "A1", "OTRO": "A1"}
    kinds = [{"tipoCliente": tipo, "tipoDocumento": kind} for tipo in TipoCliente for kind in TipoDocumento]
    made = [make_cliente(nombre="Botica", **kind, numeroDocumento=numbers[kind["tipoDocumento"]]) for kind in kinds]
    db.engine().texts.extend(1)
    for kind, client in zip(kinds, made, strict=True):
        assert found(consulta, "botica", **kind) == [client["id"]]


def test_very_many_words(consulta: Caller, make_cliente: Make) -> None:
    words = [f"palabra{chr(ord('a') + number)}" for number in range(17)]
    first, others = " ".join(words[:9]), " ".join(words[9:])
    whole = make_cliente(nombre=first, direccion=f"{others} zq")["id"]
    make_cliente(nombre=first, direccion=others)
    for _ in range(30):
        make_cliente(nombre="Otro")
    db.engine().texts.extend(1)
    assert found(consulta, " ".join([*words, "zq"])) == [whole]


def test_a_word_that_is_longer_than_a_token(consulta: Caller, make_cliente: Make) -> None:
    long = "".join(chr(ord("a") + number * number % 23) for number in range(60))
    whole, alike = make_cliente(nombre=long)["id"], make_cliente(nombre=f"{long[:40]}zz{long[42:]}")["id"]
    for _ in range(30):
        make_cliente(nombre="Otro")
    db.engine().texts.extend(1)
    assert found(consulta, long[:16]) == found(consulta, long[:17]) == found(consulta, long[5:40]) == [whole, alike]
    assert found(consulta, long[5:45]) == found(consulta, long) == [whole]


def test_a_word_that_begins_many_tokens(consulta: Caller, make_cliente: Make) -> None:
    made = [make_cliente(nombre=f"Kolqe{chr(ord('a') + number)}")["id"] for number in range(15)]
    db.engine().texts.extend(1)
    assert found(consulta, "kolq") == made


@pytest.mark.sqlite
def test_a_search_that_reads_many_texts_has_them_indexed(
    consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "BEHIND", 10)
    monkeypatch.setattr(text_index, "CHUNK", 10)
    made = [make_cliente(nombre="Botica")["id"] for _ in range(35)]
    assert found(consulta, "botica") == made
    deadline, limit = time.monotonic() + 10, (0,)
    while limit != (30,) and time.monotonic() < deadline:
        time.sleep(0.01)
        limit = db.execute("SELECT hasta FROM busqueda_limite").fetchone()
    assert limit == (30,)
    search._counts.clear()
    assert found(consulta, "botica") == made


@pytest.mark.parametrize(("short", "rule"), [(texts.fold, texts._folded), (texts.spanish_sort_key, texts._sort_key)])
def test_the_table_gives_what_the_rule_does(short: Callable[[str], str], rule: Callable[[str], str]) -> None:
    rng = random.Random(1)
    for top in (0x7F, 0xFF, 0x17F, 0xFFFF):
        for _ in range(2000):
            text = "".join(chr(rng.randrange(32, top)) for _ in range(rng.randrange(12)))
            if text.isprintable():
                assert short(text) == rule(text)
    for text in ("Ñandú", "a\u034fb", "\u05d0\u05b8", "e\u0301\u0328", "Straße", "\ufb01n", "İ", "½ ª"):
        assert texts.fold(text) == plain(text)
