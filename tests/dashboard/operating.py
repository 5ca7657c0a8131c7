"""An operator at the pages of a running `serve`: signs in, reads pages and their forms, fills them in, sends them.

What is read is HTML as a browser has it, with the standard library's parser; no script runs.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar
from urllib.parse import urlencode

import httpx2

from app.db.database import open_database
from app.db.statements import Dialect, ReadScript, WriteScript
from app.db.urls import dialect_of
from tests.command_line import caller, eventually
from tests.ingest.served import Service, service_on

T = TypeVar("T")

ADMIN_KEY = "an-admin-key-for-tests"
"""That of `service_on`, in the settings."""
VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


@dataclass
class Form:
    """A form as it stands on a page, with what would be sent; `buttons` are those with a name."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value for known, value in self.fields if known == name), None)


class Reader(HTMLParser):
    """What a page says and holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.marks: list[str] = []
        self.errors: list[str] = []
        self.words = ""
        self._open: list[tuple[str, str]] = []
        self._select = ""
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes |= values.keys()
        if tag not in VOID and tag != "option":
            self._open.append((tag, values.get("class", "")))
        match tag:
            case "a":
                self.links.append(values.get("href", ""))
            case "mark":
                self.marks.append("")
            case "form":
                self.forms.append(Form(values.get("method", "get"), values["action"]))
            case "input" if self.forms and values.get("name"):
                if values.get("type") != "checkbox" or "checked" in values:
                    self.forms[-1].fields.append((values["name"], values.get("value", "")))
            case "textarea":
                self.forms[-1].fields.append((values["name"], ""))
            case "select":
                self._select = values["name"]
            case "option" if self.forms and "selected" in values:
                self.forms[-1].fields.append((self._select, values["value"]))
            case "button" if values.get("name"):
                self.forms[-1].buttons.append((values["name"], values["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag != "option":
            assert self._open.pop()[0] == tag, "elements nest"

    def handle_data(self, data: str) -> None:
        self.words += data
        open_tags = [tag for tag, _ in self._open]
        if "mark" in open_tags:
            self.marks[-1] += data
        if self._open and self._open[-1][1] == "error":
            self.errors.append(data)
        if self._open and self._open[-1][0] == "textarea":
            name, known = self.forms[-1].fields[-1]
            # A browser leaves out the first line break.
            self.forms[-1].fields[-1] = (name, known + data.removeprefix("\n"))


@dataclass
class Page:
    """A page that was answered."""

    answer: httpx2.Response
    reader: Reader

    @property
    def words(self) -> str:
        """Its text with single spaces."""
        return " ".join(self.reader.words.split())

    def form(self, action: str) -> Form:
        """The form that is sent there."""
        (found,) = [form for form in self.reader.forms if form.action.partition("#")[0] == action]
        return found

    def value_of(self, name: str) -> str:
        """The value of a field that is shown outside of any form of ours."""
        return self.answer.text.partition(f'id="{name}" readonly value="')[2].partition('"')[0]


class Operator:
    """A browser without scripts."""

    same_site = {"Sec-Fetch-Site": "same-origin"}  # noqa: RUF012 - never changed

    def __init__(self, base_url: str) -> None:
        self.client = httpx2.Client(base_url=base_url, trust_env=False, timeout=30.0, headers={"Accept": "text/html"})

    def sign_in(self, key: str) -> None:
        answer = self.client.post("/sign-in", data={"key": key}, headers=self.same_site)
        assert answer.status_code == 303, answer.text

    def read(self, answer: httpx2.Response, status: int = 200) -> Page:
        """An answer as a page; asserts what holds for every page."""
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        page = Page(answer, Reader(answer.text))
        assert "style" not in page.reader.tags
        assert not {name for name in page.reader.attributes if name == "style" or name.startswith("on")}
        assert page.reader.tags.count("script") == 1
        return page

    def page(self, path: str, status: int = 200) -> Page:
        return self.read(self.client.get(path), status)

    def post(self, path: str, fields: dict[str, str] | list[tuple[str, str]], **headers: str) -> httpx2.Response:
        """Fields as a form sends them; underscores in the names of headers stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} or self.same_site
        sent = {"Content-Type": "application/x-www-form-urlencoded", **sent}
        return self.client.post(path, content=urlencode(fields).encode(), headers=sent)

    def send(self, form: Form, **changes: str | list[str]) -> httpx2.Response:
        """A form as it stands, with some fields filled in otherwise."""
        assert form.method == "post"
        fields = [(name, value) for name, value in form.fields if name not in changes]
        for name, value in changes.items():
            fields += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return self.post(form.action, fields)

    def press(self, form: Form) -> httpx2.Response:
        """A form as its only button with a name sends it."""
        ((name, value),) = form.buttons
        return self.send(form, **{name: value})

    def follow(self, answer: httpx2.Response) -> Page:
        """The page that a form which was done leads to."""
        assert answer.status_code == 303, answer.text
        return self.page(answer.headers["location"])


class Office:
    """A running service, its database, and whoever is there to operate it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.visitors: list[Operator] = []
        self.operator = self.visitor()

    def visitor(self, key: str | None = ADMIN_KEY) -> Operator:
        """Somebody signed in with a key that the service knows; with None, somebody who is not."""
        visitor = Operator(self.service.served.url)
        self.visitors.append(visitor)
        if key is not None:
            visitor.sign_in(key)
        return visitor

    def key(self, name: str, *options: str) -> str:
        """A new key by the command."""
        made = caller(self.service.database_url)("keys", "create", name, *options)
        assert made.exit_code == 0, made.output
        return made.stdout.splitlines()[-1]

    def signed_in(self, key: str) -> Operator:
        """Somebody with a key, once the service knows it."""
        headers = {"Authorization": f"Bearer {key}"}
        eventually(lambda: self.service.client.get("/v1/violations", headers=headers).status_code != 401, "it is known")
        return self.visitor(key)

    @property
    def dialect(self) -> Dialect:
        return dialect_of(self.service.database_url)

    def read(self, script: ReadScript[T]) -> T:
        return self._run(script, is_writing=False)

    def write(self, script: WriteScript[T]) -> T:
        return self._run(script, is_writing=True)  # type: ignore[arg-type]

    def _run(self, script: ReadScript[T], *, is_writing: bool) -> T:
        async def work() -> T:
            database = await open_database(self.service.database_url, pool_size=1)
            try:
                return await (database.write(script) if is_writing else database.read(script))
            finally:
                await database.close()

        return asyncio.run(work())

    def quarantined(self, body: bytes) -> str:
        """The id of the entry that a delivery nobody understands makes."""
        answer = self.service.post(body)
        assert answer.status_code in (400, 422), answer.text
        (entry,) = answer.json()["quarantineIds"]
        return str(entry)

    def logged(self, event: str) -> list[str]:
        """The lines of one kind of event that the service has logged."""
        return [line for line in self.service.served.log.splitlines() if f'"event": "{event}"' in line]


@contextmanager
def office_on(database_url: str, directory: Path) -> Iterator[Office]:
    """A service on a database at the newest schema, which may dial this machine."""
    with service_on(database_url, directory, HOS_HOOK_ALLOWED_NETWORKS="127.0.0.0/8") as service:
        office = Office(service)
        yield office
        for visitor in office.visitors:
            visitor.client.close()


@contextmanager
def receiver(status: int) -> Iterator[str]:
    """The URL of a server that answers every POST with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
