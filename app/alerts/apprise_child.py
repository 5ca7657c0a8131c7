"""The process that runs Apprise: a line of JSON in, a line of JSON out, until nobody is there to write one.

`apprise_process` starts it and knows the lines from the other side. Installs `apprise_gate` before Apprise is imported;
what a line asks for is `apprise_urls`'s. It writes nothing else and logs nothing, for what Apprise logs may show
secrets. It ends when its standard input ends, whatever it is doing, and when a message takes much too long.
"""

import json
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from io import BufferedReader
from queue import SimpleQueue
from threading import Thread
from typing import Any

from app.alerts.apprise_gate import Gate
from app.dialling.errors import DialFailed, DialRefused

MEMORY_BYTES = 1024 * 1024 * 1024
"""Of addresses, which is a multiple of what is used: no answer can take the machine's memory."""
GRACE_SECONDS = 5.0
"""After its deadline the parent has long ended this process; if there is no parent either, the system does."""


def main() -> None:
    """Answers one line after another. The first says which networks are allowed, and how long a message may take."""
    answers = _quiet()
    _limit()
    lines = sys.stdin.buffer
    start = json.loads(lines.readline())
    gate = Gate(start["allowed"])
    gate.install()
    asked: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_read, args=(lines, asked), daemon=True).start()
    from app.alerts.apprise_urls import Services, services

    services()
    served = Services(gate, start["seconds"])
    gate.shut()
    while True:
        request = json.loads(asked.get())
        # The system's own way to end a process needs nothing of Python, which may be stuck in a regular expression.
        signal.setitimer(signal.ITIMER_REAL, start["seconds"] + GRACE_SECONDS)
        answer = _answer(served, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(answers, json.dumps(answer).encode() + b"\n")


def _answer(served: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["do"] == "check":
            return {"shown": served.check(request["url"])}
        served.send(request["url"], request["title"], request["body"], request["kind"])
    except DialRefused as error:
        return {"refused": str(error)}
    except DialFailed as error:
        return {"failed": [error.outcome, str(error)]}
    except Exception:
        # A text of Apprise's may show the URL.
        return {"failed": ["protocol", "Apprise could not make anything of the message."]}
    return {"shown": ""}


def _read(lines: BufferedReader, asked: SimpleQueue[bytes]) -> None:
    """In a thread, so that the end of the input is seen while a message is sent."""
    for line in lines:
        asked.put(line)
    os._exit(0)


def _quiet() -> int:
    """Nothing that is printed or logged leaves the process; gives the descriptor for answers."""
    logging.disable(logging.CRITICAL)
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _limit() -> None:
    # A dump of its memory would show secrets.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
