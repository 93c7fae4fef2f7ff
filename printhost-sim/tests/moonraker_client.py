"""Drives a Moonraker server with moonraker-api, a client that others wrote, and checks what it says.

usage: moonraker_client.py HOST PORT KEY [--real]

It needs an idle printer and a Klipper that is ready, prints files of its own and restarts Klipper. With --real it
waits longer and heats nothing, so that it can be run against a real server whose printer may move.
"""

import asyncio
import hashlib
import sys

import aiohttp
from moonraker_api import MoonrakerClient, MoonrakerListener

REAL = "--real" in sys.argv
PATIENCE = 120 if REAL else 30
OBJECTS = {"webhooks": None, "print_stats": None, "virtual_sdcard": None, "extruder": ["temperature", "target"]}
LONG = "G28\n" + "G1 X60 Y60 F3000\nG1 X20 Y20 F3000\n" * 200
SHORT = "G28\nG1 X10 Y10 F3000\n"


class Listener(MoonrakerListener):
    """Keeps what was heard, and what the updates add up to."""

    def __init__(self):
        self.states = []
        self.heard = []
        self.status = {}
        self.news = asyncio.Condition()

    async def state_changed(self, state):
        self.states.append(state)

    async def on_exception(self, exception):
        self.heard.append(("exception", exception))

    async def on_notification(self, method, data):
        async with self.news:
            self.heard.append((method, data))
            if method == "notify_status_update":
                for name, fields in data[0].items():
                    self.status.setdefault(name, {}).update(fields)
            self.news.notify_all()

    async def until(self, what, condition):
        async def wait():
            async with self.news:
                await self.news.wait_for(lambda: condition(self))

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"never: {what}; status {self.status}, heard {self.heard[-5:]}") from None

    def has(self, method):
        return any(name == method for name, _ in self.heard)

    def print_state(self):
        return self.status.get("print_stats", {}).get("state")


async def until_print(listener, state):
    await listener.until(f"print {state}", lambda heard: heard.print_state() == state)


async def upload(url, key, name, content, **fields):
    form = aiohttp.FormData()
    form.add_field("file", content.encode(), filename=name)
    for field, value in fields.items():
        form.add_field(field, value)
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{url}/server/files/upload", data=form, headers={"X-Api-Key": key})
        return answer.status, await answer.json()


async def subscribe(client, listener):
    answer = await client.call_method("printer.objects.subscribe", objects=OBJECTS)
    assert set(answer["status"]) == set(OBJECTS), answer
    assert set(answer["status"]["extruder"]) == {"temperature", "target"}, answer
    listener.status = answer["status"]


async def check_info(client):
    server = await client.get_server_info()
    assert server["klippy_connected"] is True and server["klippy_state"] == "ready", server
    assert server["websocket_count"] >= 1 and server["moonraker_version"], server
    host = await client.get_host_info()
    assert host["state"] == "ready" and host["state_message"] == "Printer is ready", host
    assert await client.get_klipper_status() == "ready"
    modules = await client.get_supported_modules()
    for module in ("webhooks", "print_stats", "virtual_sdcard", "toolhead", "extruder", "heater_bed"):
        assert module in modules, module
    assert (await client.get_websocket_id())["websocket_id"] > 0
    error = (await client.call_method("no.such.method"))["error"]
    assert error == {"code": -32601, "message": "Method not found"}, error


async def check_files(client, url, key):
    digest = hashlib.sha256(LONG.encode()).hexdigest()
    status, answer = await upload(url, key, "client-long.gcode", LONG, checksum=digest)
    assert status == 201 and answer["item"]["size"] == len(LONG), answer
    assert answer["print_started"] is False, answer
    status, _ = await upload(url, key, "client-bad.gcode", LONG, checksum="0" * 64)
    assert status == 422, status
    listed = [file["path"] for file in await client.call_method("server.files.list", root="gcodes")]
    assert "client-long.gcode" in listed and "client-bad.gcode" not in listed, listed
    metadata = await client.call_method("server.files.metadata", filename="client-long.gcode")
    assert metadata["size"] == len(LONG) and metadata["job_id"] is None, metadata


async def check_print(client, listener):
    assert await client.call_method("printer.print.start", filename="client-long.gcode") == "ok"
    await until_print(listener, "printing")
    assert listener.status["print_stats"]["filename"] == "client-long.gcode", listener.status
    busy = (await client.call_method("printer.print.start", filename="client-long.gcode"))["error"]
    assert busy == {"code": 400, "message": "SD busy"}, busy
    used = await client.call_method("server.files.delete_file", path="gcodes/client-long.gcode")
    assert used["error"]["code"] == 403, used
    assert await client.call_method("printer.print.pause") == "ok"
    await until_print(listener, "paused")
    assert listener.status["virtual_sdcard"]["is_active"] is False, listener.status
    assert await client.call_method("printer.print.resume") == "ok"
    await until_print(listener, "printing")
    assert await client.call_method("printer.print.cancel") == "ok"
    await until_print(listener, "cancelled")
    assert listener.status["virtual_sdcard"]["file_path"] is None, listener.status
    await listener.until("history", lambda heard: any(
        method == "notify_history_changed" and data[0]["action"] == "finished" for method, data in heard.heard))
    history = await client.call_method("server.history.list", limit=1)
    job = history["jobs"][0]
    assert (job["filename"], job["status"]) == ("client-long.gcode", "cancelled"), job
    assert job["end_time"] >= job["start_time"], job


async def check_upload_that_prints(listener, url, key):
    status, answer = await upload(url, key, "client-short.gcode", SHORT, print="true")
    assert status == 201 and answer["print_started"] is True, answer
    await until_print(listener, "complete")
    assert listener.status["virtual_sdcard"]["progress"] == 1.0, listener.status
    assert ("notify_gcode_response", ["Done printing file"]) in listener.heard


async def check_console(client, listener):
    assert await client.call_method("printer.gcode.script", script="FOO_BAR") == "ok"
    await listener.until("console", lambda heard: ("notify_gcode_response", ['// Unknown command:"FOO_BAR"']) in heard.heard)
    error = (await client.call_method("printer.gcode.script", script="G1 X9999 F3000"))["error"]
    assert error["code"] == 400 and error["message"].startswith("Move out of range"), error
    if REAL:
        # How warm filament must be is a matter of configuration.
        return
    cold = (await client.call_method("printer.gcode.script", script="G1 E50"))["error"]
    assert cold["message"].startswith("Extrude below minimum temp\n"), cold


async def check_restart(client, listener):
    listener.heard.clear()
    assert await client.call_method("printer.emergency_stop") == "ok"
    await listener.until("shutdown", lambda heard: heard.has("notify_klippy_shutdown"))
    assert listener.status["webhooks"]["state"] == "shutdown", listener.status
    assert (await client.get_server_info())["klippy_state"] == "shutdown"
    assert await client.call_method("printer.firmware_restart") == "ok"
    await listener.until("gone", lambda heard: heard.has("notify_klippy_disconnected"))
    gone = (await client.call_method("printer.info"))["error"]
    assert gone == {"code": 503, "message": "Klippy Host not connected"}, gone
    await listener.until("ready", lambda heard: heard.has("notify_klippy_ready"))
    listener.heard.clear()
    await asyncio.sleep(1)
    assert not listener.has("notify_status_update"), "the subscription outlived Klipper"
    await subscribe(client, listener)
    assert listener.print_state() == "standby", listener.status
    await listener.until("update", lambda heard: True)


async def main():
    host, port, key = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    url = f"http://{host}:{port}"
    listener = Listener()
    client = MoonrakerClient(listener, host, port, api_key=key)
    assert await client.connect() and client.is_connected
    identity = await client.call_method(
        "server.connection.identify", client_name="client", version="1", type="other", url="http://localhost")
    assert identity["connection_id"] > 0, identity
    await check_info(client)
    await subscribe(client, listener)
    await check_files(client, url, key)
    await check_print(client, listener)
    await check_upload_that_prints(listener, url, key)
    await check_console(client, listener)
    await check_restart(client, listener)
    for name in ("client-long.gcode", "client-short.gcode"):
        deleted = await client.call_method("server.files.delete_file", path=f"gcodes/{name}")
        assert deleted["action"] == "delete_file", deleted
    await client.disconnect()
    await client.session.close()
    assert "ws_connected" in listener.states and listener.states[-1] == "ws_stopped", listener.states
    print("moonraker-api: connected, read, subscribed, printed, paused, cancelled and restarted")


asyncio.run(main())
