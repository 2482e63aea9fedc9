"""Runs histories, some side by side, each in a process and a folder of its own, all from one prepared service."""

import multiprocessing
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path

from clientes_service import db
from clientes_service.auth import usuarios
from clientes_service.auth.roles import Rol
from clientes_service.clientes.advertencias import Rules
from clientes_service.files.importer import import_file
from clientes_service.files.plan import Modo
from clientes_service.historial.service import Autor, Origen
from tests.simulation.controls import CONTROLS
from tests.simulation.history import ACCOUNTS, History, Outcome

CLIENTES = 12  # at the beginning


def prepare(folder: Path) -> None:
    """Make the database that every history begins with; its clients come by one import, and so at one moment."""
    folder.mkdir()
    db.connect(f"sqlite:///{folder}/clientes.db")
    db.upgrade()
    for account in ACCOUNTS:
        rol = Rol.ADMIN if account is ACCOUNTS[-1] else Rol.TECNICO
        usuarios.create_usuario({**account, "nombre": "Rosa", "email": "rosa@example.pe", "rol": rol})
    rows = "".join(f"Cliente {number},OTRO,OTRO,{number},A{number}\n" for number in range(CLIENTES))
    file = folder / "clientes.csv"
    file.write_text(f"nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente\n{rows}")
    import_file(file, Modo.CREAR, Rules(), Autor(Origen.IMPORTACION), simular=False, parcial=False)
    db.database.close()


def run(seeds: Iterable[int], jobs: int, base: Path, control: str | None = None) -> Iterator[Outcome]:
    """Yield the outcome of each history as it ends. The folders of those that went wrong stay in `base`."""
    prepare(base / "template")
    todo, running = iter(seeds), set[Future[Outcome]]()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        while True:
            running |= {pool.submit(one, seed, base, control) for seed in islice(todo, jobs - len(running))}
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()


def one(seed: int, base: Path, control: str | None) -> Outcome:
    """Run one history, and remove its folder if all was well."""
    folder = base / str(seed)
    try:
        outcome = History(seed, folder, base / "template", CONTROLS[control][0] if control else lambda: None).run()
    except AssertionError as error:
        return Outcome(seed, [str(error)])
    if not outcome.faults:
        shutil.rmtree(folder)
    return outcome
