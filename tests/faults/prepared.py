"""Run a program after calls: `python -m tests.faults.prepared MODULE:FUNCTION… gunicorn wsgi:app`.

The program may be clientes-service, too. So a control breaks a promise in the processes that must keep it, and a trial
listens to what they write.
"""

import sys
from importlib import import_module

from gunicorn.app.wsgiapp import WSGIApplication

PROGRAMS = ("gunicorn", "clientes-service")


def main(words: list[str]) -> None:
    at = next(number for number, word in enumerate(words) if word in PROGRAMS)
    if words[at] == "gunicorn":  # which names the folder of the metrics, before anything of ours counts elsewhere
        import_module("clientes_service.server")
    for place in words[:at]:
        module, _, function = place.partition(":")
        getattr(import_module(module), function)()
    sys.argv = words[at:]
    if words[at] == "gunicorn":
        WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()
    else:
        import_module("clientes_service.cli").main(words[at + 1 :])


if __name__ == "__main__":
    main(sys.argv[1:])
