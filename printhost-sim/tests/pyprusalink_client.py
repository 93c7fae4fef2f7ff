"""Drives a PrusaLink, simulated or real, with pyprusalink: `pyprusalink_client.py URL PASSWORD FAMILY`.

The files are put there by httpx, since pyprusalink only reads and steers. FAMILY is `pi` or `buddy`. It ends with an error
when something is not as pyprusalink understands it.
"""

import asyncio
import sys

import httpx
from pyprusalink import PrusaLink
from pyprusalink.types import Conflict, InvalidAuth, NotFound

URL, PASSWORD, FAMILY = sys.argv[1:4]
STORAGE = {"pi": "/local", "buddy": "/usb"}[FAMILY]
GCODE = "M73 P50 R1\nM104 S40\n" + "G1 X10 Y10 F6000\nG4 P500\n" * 400


async def until(what, ask, wanted):
    for _ in range(600):
        found = await ask()
        if wanted(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {what}: {found}")


async def put(client, name):
    auth = httpx.DigestAuth("maker", PASSWORD)
    if FAMILY == "buddy":
        from pyprusalink.client import DigestAuthWorkaround

        auth = DigestAuthWorkaround("maker", PASSWORD)
    headers = {"Content-Type": "text/x.gcode", "Overwrite": "?1"}
    # A small request before the file, so that it is sent once.
    await client.get(f"{URL}/api/version", auth=auth)
    route = f"{URL}/api/v1/files{STORAGE}/{name}"
    stored = await client.put(route, content=GCODE, headers=headers, auth=auth)
    assert stored.status_code == 201, stored
    for _ in range(50):
        shown = await client.get(route, auth=auth)
        if shown.status_code == 200:
            break
        await asyncio.sleep(0.1)
    start = await client.post(route, auth=auth)
    assert start.status_code == 204, (start, start.text)


async def refused(error, call):
    try:
        await call
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


async def main():
    async with httpx.AsyncClient(timeout=20) as client:
        stranger = PrusaLink(client, URL, "maker", "another")
        await refused(InvalidAuth, stranger.get_version())
        link = PrusaLink(client, URL, "maker", PASSWORD)
        version = await link.get_version()
        assert version["capabilities"]["upload-by-put"] is True, version
        assert version["text"].startswith("PrusaLink"), version
        info = await link.get_info()
        assert info["nozzle_diameter"] == 0.4 and info["serial"], info
        storage = await link.get_storage()
        assert storage[0]["path"].rstrip("/") == STORAGE, storage
        assert await link.get_job() is None and await link.get_transfer() is None

        await until("at rest", link.get_status, lambda s: s["printer"]["state"] in ("IDLE", "READY"))
        await put(client, "seen by others.gcode".replace(" ", "%20"))
        state = lambda word: lambda status: status["printer"]["state"] == word
        status = await until("printing", link.get_status, state("PRINTING"))
        job = await until("a job", link.get_job, lambda job: job is not None)
        assert job["id"] == status["job"]["id"], (job, status)
        assert job["file"]["display_name"] == "seen by others.gcode", job
        await until("half done", link.get_job, lambda job: job["progress"] == 50)
        await refused(NotFound, link.pause_job(job["id"] + 7))
        await refused(Conflict, link.resume_job(job["id"]))
        await link.pause_job(job["id"])
        status = await until("paused", link.get_status, state("PAUSED"))
        assert "axis_x" in status["printer"], status
        await link.resume_job(job["id"])
        await until("printing", link.get_status, state("PRINTING"))
        await link.cancel_job(job["id"])
        await until("stopped", link.get_status, state("STOPPED"))
        assert await link.get_job() is None
        print(f"pyprusalink and {version['text']} at {URL} understand each other")


asyncio.run(main())
