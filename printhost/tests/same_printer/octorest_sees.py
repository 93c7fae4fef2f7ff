"""Brings a printer into a state with OctoRest, a client that others wrote, and prints all that OctoRest reads, as JSON.

usage: octorest_sees.py URL KEY FOLDER STATE
"""

import io
import json
import sys
import time

from octorest import OctoRest

PATIENCE = 30
LONG = "G28\n" + "G1 X1 Y1 F6000\nG4 P250\n" * 400


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def state_is(client, text):
    wait_for(f"state {text}", lambda: client.job_info()["state"] == text)


def connected(client):
    if client.job_info()["state"] != "Operational":
        client.connect(port="VIRTUAL", baudrate=115200)
        state_is(client, "Operational")
    wait_for("temperatures", lambda: "tool0" in client.printer()["temperature"])


def upload(client, folder, name, content):
    # OctoRest's own upload does not send the folder.
    files = {"file": (name, io.StringIO(content))}
    client._post("/api/files/local", files=files, data={"path": folder})


def bring_into(client, folder, state):
    if state == "idle":
        connected(client)
        upload(client, folder, "long.gcode", LONG)
        upload(client, folder, "short.gcode", "G28\n")
        upload(client, f"{folder}/below/deeper", "gr\u00f6\u00dfe 1.gcode", "G28 X\n")
        client.select(f"{folder}/short.gcode")
    elif state == "heating":
        client.tool_target(60)
        client.bed_target(41)
        client.tool_offset(3)
        wait_for("the targets", lambda: client.tool()["tool0"]["target"] == 60 and client.bed()["bed"]["target"] == 41)
    elif state == "printing":
        client.tool_target(0)
        client.bed_target(0)
        client.tool_offset(0)
        client.select(f"{folder}/long.gcode", print=True)
        wait_for("progress", lambda: (client.job_info()["progress"]["completion"] or 0) > 0.2)
    elif state == "paused":
        client.pause()
        state_is(client, "Paused")
    elif state == "cancelled":
        client.cancel()
        state_is(client, "Operational")
    elif state == "disconnected":
        client.disconnect()
        wait_for("offline", lambda: client.job_info()["state"].startswith("Offline"))
    elif state == "failed":
        connected(client)
        client.gcode("!!DEBUG:trigger_fatal_error_marlin")
        wait_for("a failure", lambda: "rror" in client.job_info()["state"])
    elif state == "removed":
        connected(client)
        for name in ("long.gcode", "short.gcode", "below/deeper/gr\u00f6\u00dfe 1.gcode", "below/deeper", "below", ""):
            client.delete(f"{folder}/{name}".rstrip("/"))
    else:
        assert state == "as it is", state


def files_below(entries):
    for entry in entries:
        yield entry
        yield from files_below(entry.get("children", []))


def seen(client):
    try:
        printer = client.printer()
    except RuntimeError as error:
        assert "(409)" in str(error), error
        printer = None
    files = list(files_below(client.files("local", recursive=True)["files"]))
    return {
        "version": client.get_version(),
        "connection": client.connection_info(),
        "printer": printer,
        "job": client.job_info(),
        "files": [{key: value for key, value in file.items() if key != "children"} for file in files],
        "infos": [client.files_info("local", file["path"]) for file in files if file["type"] != "folder"],
        "profiles": client.printer_profiles()["profiles"],
        "name": client.settings()["appearance"]["name"],
    }


if __name__ == "__main__":
    url, key, folder, state = sys.argv[1:]
    client = OctoRest(url=url, apikey=key)
    bring_into(client, folder, state)
    json.dump(seen(client), sys.stdout)
