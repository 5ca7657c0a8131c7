"""Signing on at a provider that others wrote, in a process of its own, as a browser does it."""

from collections.abc import Iterator

import pytest

from app.clock import now
from app.sign_on.errors import SignOnFailed
from app.sign_on.person import Person
from app.sign_on.provider import Client, open_sign_on
from tests.sign_on.real_provider import running_provider, sign_on_as
from tests.sign_on.scripted_provider import REDIRECT_URI, Clock, finish

pytestmark = pytest.mark.anyio

ADA: dict[str, object] = {"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "groups": ["it", "safety"]}
BOB: dict[str, object] = {"sub": "bob", "email": "bob@example.com", "groups": "yard"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider(ADA, BOB) as issuer:
        yield issuer


@pytest.mark.parametrize(
    "subject,person",
    [
        ("ada", Person("ada", "Ada Lovelace", frozenset(["it", "safety"]))),
        ("bob", Person("bob", "bob@example.com", frozenset(["yard"]))),
        ("eve", Person("eve", "eve", frozenset())),
    ],
)
async def test_people_sign_on(issuer: str, subject: str, person: Person) -> None:
    async with open_sign_on(Client(issuer, "hos", "secret"), now, Clock()) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        answer = await sign_on_as(begun.url, sub=subject)
        assert await finish(sign_on, begun, answer) == person


async def test_who_does_not_agree_is_not_signed_on(issuer: str) -> None:
    async with open_sign_on(Client(issuer, "hos", "secret"), now, Clock()) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        answer = await sign_on_as(begun.url, action="deny")
        # This provider leaves the state out then, so that anybody could have sent the browser here.
        with pytest.raises(SignOnFailed) as failed:
            await finish(sign_on, begun, answer)
        assert failed.value.reason == "state"
        with pytest.raises(SignOnFailed, match="did not let you sign on") as failed:
            await finish(sign_on, begun, answer | {"state": begun.state})
        assert failed.value.reason == "denied"


async def test_a_code_counts_once(issuer: str) -> None:
    async with open_sign_on(Client(issuer, "hos", "secret"), now, Clock()) as sign_on:
        begun = await sign_on.begin(REDIRECT_URI)
        answer = await sign_on_as(begun.url, sub="ada")
        await finish(sign_on, begun, answer)
        with pytest.raises(SignOnFailed, match="which counts once") as failed:
            await finish(sign_on, begun, answer)
        assert failed.value.reason == "refused"


async def test_a_code_of_one_sign_on_is_none_of_another(issuer: str) -> None:
    async with open_sign_on(Client(issuer, "hos", "secret"), now, Clock()) as sign_on:
        hers, his = await sign_on.begin(REDIRECT_URI), await sign_on.begin(REDIRECT_URI)
        answer = await sign_on_as(hers.url, sub="ada")
        with pytest.raises(SignOnFailed) as failed:
            await finish(sign_on, his, answer)
        assert failed.value.reason == "state"
        with pytest.raises(SignOnFailed) as failed:
            await finish(sign_on, his, answer | {"state": his.state})
        assert failed.value.reason == "nonce"


async def test_a_token_ends() -> None:
    with running_provider(ADA, token_seconds=300) as issuer:
        later = now() + 361 * 1_000_000
        async with open_sign_on(Client(issuer, "hos", "secret"), lambda: later, Clock()) as sign_on:
            begun = await sign_on.begin(REDIRECT_URI)
            answer = await sign_on_as(begun.url, sub="ada")
            with pytest.raises(SignOnFailed, match="has ended") as failed:
                await finish(sign_on, begun, answer)
            assert failed.value.reason == "expired"


async def test_it_is_another_provider_by_another_name(issuer: str) -> None:
    async with open_sign_on(Client(f"{issuer}/", "hos", "secret"), now, Clock()) as sign_on:
        with pytest.raises(SignOnFailed, match="same to the letter") as failed:
            await sign_on.begin(REDIRECT_URI)
    assert failed.value.reason == "issuer"
