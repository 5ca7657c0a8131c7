"""The processes that run Apprise: when they are started, ended and replaced, and that none is left behind."""

import asyncio
import os
import signal
import sys
from subprocess import PIPE

import pytest

from app.alerts.apprise_sender import AppriseSender
from tests.alerts.apprised import LOOPBACK, MESSAGE, ROOT, children, ended, failing, hearing, sending
from tests.dialling.answering import Request, answering, http, saying, silent

pytestmark = pytest.mark.anyio


async def test_an_answer_that_does_not_come_ends_the_process_and_nothing_else() -> None:
    async with (
        answering(silent) as deaf,
        answering(saying(http(200))) as server,
        sending(*LOOPBACK, total_seconds=3) as sender,
    ):
        good = f"json://127.0.0.1:{server.port}/"
        await sender.send(good, MESSAGE)
        (process,) = children()
        failed = await failing(sender, f"json://ann:secret@127.0.0.1:{deaf.port}/secret")
        assert (failed.outcome, str(failed)) == ("timeout", "The message was not sent within 3 s.")
        assert await ended(process)
        await sender.send(good, MESSAGE)
        (next_one,) = children()
        assert next_one != process
    assert (len(deaf.asked), len(server.asked)) == (1, 2)


async def test_a_timeout_that_a_url_asks_for() -> None:
    async with answering(silent) as deaf, sending(*LOOPBACK) as sender:
        failed = await failing(sender, f"json://127.0.0.1:{deaf.port}/secret?rto=0.2")
    assert (failed.outcome, str(failed)) == ("timeout", f"json://127.0.0.1:{deaf.port}/**** did not answer in time.")


async def test_one_that_is_cancelled_takes_its_process_along() -> None:
    heard = asyncio.Event()
    async with answering(hearing(heard)) as deaf, sending(*LOOPBACK) as sender:
        task = asyncio.create_task(sender.send(f"json://127.0.0.1:{deaf.port}/", MESSAGE))
        await heard.wait()
        (process,) = children()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ended(process)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10])
async def test_one_that_is_cancelled_while_its_process_starts_leaves_none(turns: int) -> None:
    async with sending(*LOOPBACK) as sender:
        task = asyncio.create_task(sender.check("json://127.0.0.1/"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert children() == []


async def test_closing_ends_what_is_being_sent() -> None:
    heard = asyncio.Event()
    async with asyncio.timeout(60), answering(hearing(heard)) as deaf:
        sender = AppriseSender(LOOPBACK)
        task = asyncio.create_task(failing(sender, f"json://127.0.0.1:{deaf.port}/"))
        await heard.wait()
        (process,) = children()
        await sender.aclose()
        assert not process.is_running()
        assert (await task).outcome == "protocol"


async def test_nothing_is_started_after_closing() -> None:
    sender = AppriseSender(LOOPBACK)
    await sender.aclose()
    assert (await failing(sender, "json://127.0.0.1/")).outcome == "unreachable"
    assert children() == []


async def test_only_so_many_at_a_time() -> None:
    goes_on, inside, most = asyncio.Event(), 0, 0
    two = asyncio.Event()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            two.set()
        await goes_on.wait()
        inside -= 1
        writer.write(http(200))
        return True

    async with answering(reply) as server, sending(*LOOPBACK, processes=2) as sender:
        tasks = [asyncio.create_task(sender.send(f"json://127.0.0.1:{server.port}/", MESSAGE)) for _ in range(6)]
        await two.wait()
        assert len(children()) == 2
        goes_on.set()
        await asyncio.gather(*tasks)
        assert len(children()) == 2
    assert (len(server.asked), most) == (6, 2)


async def test_who_waits_for_a_place_waits_within_the_deadline() -> None:
    async with answering(silent) as deaf, sending(*LOOPBACK, processes=1, total_seconds=1) as sender:
        began = asyncio.get_running_loop().time()
        failures = await asyncio.gather(*(failing(sender, f"json://127.0.0.1:{deaf.port}/") for _ in range(3)))
        assert asyncio.get_running_loop().time() - began < 2.5
    assert [one.outcome for one in failures] == ["timeout"] * 3
    assert len(deaf.asked) <= 1


async def test_a_process_with_nothing_to_do_is_ended() -> None:
    async with answering(saying(http(200))) as server, sending(*LOOPBACK, idle_seconds=0.2) as sender:
        url = f"json://127.0.0.1:{server.port}/"
        await sender.send(url, MESSAGE)
        for process in children():
            assert await ended(process)
        await sender.send(url, MESSAGE)
    assert len(server.asked) == 2


async def test_a_process_that_was_killed_is_replaced() -> None:
    heard = asyncio.Event()
    async with answering(saying(http(200))) as server, answering(hearing(heard)) as deaf, sending(*LOOPBACK) as sender:
        task = asyncio.create_task(failing(sender, f"json://127.0.0.1:{deaf.port}/secret"))
        await heard.wait()
        children()[0].kill()
        failed = await task
        assert (failed.outcome, str(failed)) == ("protocol", "Apprise ended before it said how it went.")
        await sender.send(f"json://127.0.0.1:{server.port}/", MESSAGE)
    assert len(server.asked) == 1


PARENT = """
import asyncio, sys
from app.alerts.apprise_sender import AppriseSender
from app.alerts.messages import Message

async def main():
    sender = AppriseSender(["127.0.0.0/8"], total_seconds=600)
    await sender.check(sys.argv[1])
    print("started", flush=True)
    if sys.argv[2] == "sending":
        await sender.send(sys.argv[1], Message("title", "body", "info"))
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("doing", ["waiting", "sending"])
async def test_it_ends_when_its_parent_is_killed(doing: str) -> None:
    heard = asyncio.Event()
    async with asyncio.timeout(60), answering(hearing(heard)) as deaf:
        url = f"json://127.0.0.1:{deaf.port}/"
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, url, doing, cwd=ROOT, stdout=PIPE)
        assert parent.stdout is not None
        assert await parent.stdout.readline() == b"started\n"
        if doing == "sending":
            await heard.wait()
        (child,) = children(parent.pid)
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        assert await ended(child)


async def test_no_network_is_none() -> None:
    with pytest.raises(ValueError, match="is no network"):
        AppriseSender(["nonsense"])
