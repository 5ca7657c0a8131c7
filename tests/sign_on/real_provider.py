"""An OpenID provider that others wrote, in a process of its own, and a browser that signs on at it by its form."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx2
import orjson


@contextmanager
def running_provider(*people: dict[str, object], token_seconds: int = 3600) -> Iterator[str]:
    """Its issuer. The people have at least a `sub`."""
    listed = [option for person in people for option in ("--user-claims", orjson.dumps(person).decode())]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0", "--host", "127.0.0.1"]
    command += ["--require-nonce", "true", "--token-max-age", str(token_seconds), *listed]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                raise AssertionError("".join(said))
            yield found[1]
        finally:
            process.terminate()


async def sign_on_as(url: str, **form: str) -> dict[str, str]:
    """Opens the page that we send people to, fills in its form, and gives the query of where the provider sends us."""
    async with httpx2.AsyncClient(trust_env=False, follow_redirects=False) as browser:
        page = await browser.get(url)
        assert page.status_code == 200, page.text
        assert '<form method="post"' in page.text
        sent = await browser.post(url, data=form)
        assert sent.status_code == 302, sent.text
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))
