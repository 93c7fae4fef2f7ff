"""Drives an OctoPrint server with OctoRest, a client that others wrote, and checks what it says.

usage: octorest_client.py URL KEY

The same script passes against a real OctoPrint with its Virtual Printer and against the simulator; so what it claims
was judged by a server that we did not write. It needs an idle printer on port VIRTUAL and removes what it uploads.
"""

import io
import json
import sys
import time

from octorest import AuthorizationRequestPollingResult, OctoRest, WebSocketEventHandler

PATIENCE = 30
SHORT = "G28\nG1 X10 Y10 Z0.3 F6000\nG4 P300\nM84\n"
LONG = "G28\n" + "G1 X1 Y1 F6000\nG4 P300\n" * 200


def wait_for(what, condition):
    """Polls until the condition gives something true, and gives that."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def refused(status, call, *args, **kwargs):
    """Asserts that a call is refused with this status."""
    try:
        call(*args, **kwargs)
    except RuntimeError as error:
        assert f"({status})" in str(error), f"{status} expected: {error}"
    else:
        raise AssertionError(f"{status} expected from {call.__name__}{args}")


def state_is(client, text):
    wait_for(f"state {text}", lambda: client.job_info()["state"] == text)


def check_server(client):
    assert client.get_version()["text"].startswith("OctoPrint 1."), client.get_version()
    settings = client.settings()
    for part in ("api", "appearance", "feature", "serial", "temperature", "webcam"):
        assert part in settings, part
    assert settings["serial"]["port"] == "VIRTUAL"
    profiles = client.printer_profiles()["profiles"]
    profile = client.printer_profile("_default")
    assert profiles["_default"] == profile and profile["extruder"]["count"] >= 1, profile
    assert profile["heatedBed"] is True and profile["volume"]["width"] == 200.0
    refused(404, client.printer_profile, "none")
    users = client.users()["users"]
    admin = next(user for user in users if user["name"] == "admin")
    assert admin["admin"] is True and "admins" in admin["groups"], admin
    assert client.user("admin")["name"] == "admin"
    refused(404, client.user, "nobody")
    assert client.system_commands() == {"core": [], "custom": [], "plugin": []}
    assert client.timelapses()["enabled"] is False
    assert client.slicers() == {}
    assert "_core" in client.languages()["language_packs"]
    assert "files" in client.logs()
    assert client.custom_control_request() == {"controls": []}


def check_connection(client):
    client.disconnect()
    wait_for("closed", lambda: client.state() == "Closed")
    refused(409, client.printer)
    refused(409, client.jog, x=1)
    refused(409, client.start)
    assert client.job_info()["state"] == "Offline"
    options = client.connection_info()["options"]
    assert "VIRTUAL" in options["ports"] and 115200 in options["baudrates"]
    refused(400, client.connect, port="/dev/none")
    refused(400, client.connect, baudrate=7)
    client.connect(port="VIRTUAL", baudrate=115200, printer_profile="_default")
    wait_for("connected", lambda: client.state() == "Operational")
    current = client.connection_info()["current"]
    assert (current["port"], current["baudrate"]) == ("VIRTUAL", 115200), current


def check_printer(client):
    wait_for("temperatures", lambda: "tool0" in client.printer()["temperature"])
    flags = client.printer()["state"]["flags"]
    assert flags["operational"] and flags["ready"] and not flags["printing"], flags
    assert set(client.printer(exclude=["temperature", "sd"])) == {"state"}
    client.tool_target(45)
    client.bed_target(40)
    wait_for("target of the tool", lambda: client.tool()["tool0"]["target"] == 45)
    wait_for("target of the bed", lambda: client.bed()["bed"]["target"] == 40)
    wait_for("a warm tool", lambda: client.tool()["tool0"]["actual"] > 40)
    client.tool_offset(5)
    client.bed_offset(-3)
    assert client.tool()["tool0"]["offset"] == 5 and client.bed()["bed"]["offset"] == -3
    client.tool_offset(0)
    client.bed_offset(0)
    refused(400, client.bed_offset, 99)
    client.tool_target(0)
    client.bed_target(0)
    history = wait_for("history", lambda: client.printer(history=True, limit=2)["temperature"]["history"])
    assert len(history) <= 2 and "tool0" in history[-1], history
    refused(409, client.chamber)
    client.jog(x=10, y=-5, z=0.2)
    client.home()
    client.home(["x", "y"])
    client.feedrate(105)
    client.flowrate(95)
    client.tool_select(0)
    client.extrude(5)
    client.retract(5)
    client.gcode("M105")
    client.gcode(["M117 hello", "G28"])
    assert client.sd()["ready"] is True
    client.sd_release()
    wait_for("card released", lambda: client.sd()["ready"] is False)
    client.sd_init()
    wait_for("card ready", lambda: client.sd()["ready"] is True)
    client.sd_refresh()
    assert client.files("sdcard")["files"] == []


def check_files(client):
    uploaded = client.upload(("octorest.gcode", io.StringIO(SHORT)))
    assert uploaded["done"] is True
    assert uploaded["files"]["local"]["path"] == "octorest.gcode", uploaded
    info = client.files_info("local", "octorest.gcode")
    assert info["size"] == len(SHORT) and len(info["hash"]) == 40, info
    assert info["typePath"] == ["machinecode", "gcode"]
    client.copy("octorest.gcode", "octorest-copy.gcode")
    refused(409, client.copy, "octorest.gcode", "octorest-copy.gcode")
    refused(404, client.copy, "octorest-none.gcode", "octorest-x.gcode")
    client.move("octorest-copy.gcode", "octorest-moved.gcode")
    names = {file["name"] for file in client.files()["files"]}
    assert "octorest-moved.gcode" in names and "octorest-copy.gcode" not in names, names
    moved = client.files_info("local", "octorest-moved.gcode")
    assert moved["hash"] == info["hash"]
    client.delete("octorest-moved.gcode")
    refused(404, client.files_info, "local", "octorest-moved.gcode")
    refused(404, client.delete, "octorest-moved.gcode")
    refused(404, client.select, "octorest-none.gcode")
    refused(415, client.upload, ("octorest.exe", io.StringIO("x")))


def check_prints(client):
    client.select("octorest.gcode", print=True)
    wait_for("a finished print", lambda: client.job_info()["progress"]["completion"] == 100)
    state_is(client, "Operational")
    printed = wait_for("statistics", lambda: client.files_info("local", "octorest.gcode").get("prints"))
    assert printed["success"] == 1 and printed["last"]["success"] is True, printed

    client.upload(("octorest-long.gcode", io.StringIO(LONG)))
    client.select("octorest-long.gcode")
    job = client.job_info()
    assert job["job"]["file"]["name"] == "octorest-long.gcode" and job["state"] == "Operational", job
    refused(409, client.pause)
    refused(409, client.cancel)
    client.start()
    state_is(client, "Printing")
    refused(409, client.start)
    refused(409, client.restart)
    refused(409, client.jog, x=1)
    refused(409, client.extrude, 1)
    refused(409, client.sd_init)
    refused(409, client.delete, "octorest-long.gcode")
    refused(409, client.move, "octorest-long.gcode", "octorest-moved.gcode")
    refused(409, client.select, "octorest.gcode")
    client.pause()
    state_is(client, "Paused")
    client.pause()
    client.jog(x=1)
    client.resume()
    state_is(client, "Printing")
    client.toggle()
    state_is(client, "Paused")
    client.restart()
    state_is(client, "Printing")
    client.cancel()
    state_is(client, "Operational")
    assert client.job_info()["progress"]["completion"] is None
    failed = wait_for("statistics", lambda: client.files_info("local", "octorest-long.gcode").get("prints"))
    assert failed["failure"] == 1 and failed["success"] == 0, failed


def check_events(client, url):
    """OctoRest's own push channel, which speaks SockJS' framing."""
    messages = []
    opened = []
    push = WebSocketEventHandler(
        url, on_open=lambda socket: opened.append(socket), on_message=lambda _, message: messages.append(message)
    )
    push.run()
    wait_for("an open channel", lambda: opened)
    login = client._post("/api/login", json={"passive": True})
    push.send([json.dumps({"auth": f"{login['name']}:{login['session']}"})])
    wait_for("history", lambda: any("history" in message for message in messages))
    assert "connected" in messages[0], messages[0].keys()
    client.gcode("M114")
    client.home("z")
    client.jog(z=7)

    def told(kind):
        return any(message.get("event", {}).get("type") == kind for message in messages)

    wait_for("PositionUpdate", lambda: told("PositionUpdate"))
    wait_for("Home", lambda: told("Home"))

    def logged(line):
        return any(line in message["current"]["logs"] for message in messages if "current" in message)

    wait_for("the command in the terminal", lambda: logged("Send: M114"))
    client.select("octorest.gcode", print=True)
    wait_for("PrintDone", lambda: told("PrintDone"))
    for kind in ("FileSelected", "PrintStarted", "ChartMarked", "ZChange", "Dwelling", "PrinterStateChanged"):
        assert told(kind), kind
    state_is(client, "Operational")
    opened[0].close()


def check_app_keys(client):
    assert client.probe_app_keys_workflow_support() is True
    poll = client.start_authorization_process("octorest-test")
    waiting = AuthorizationRequestPollingResult.STILL_WAITING
    assert client.poll_auth_request_decision(poll) == (waiting, None)
    pending = client._get("/api/plugin/appkeys")["pending"]
    token = next(token for token, request in pending.items() if request["app_id"] == "octorest-test")
    client._post(f"/plugin/appkeys/decision/{token}", json={"decision": True}, ret=False)
    result, key = client.poll_auth_request_decision(poll)
    assert result == AuthorizationRequestPollingResult.GRANTED and key
    assert client.poll_auth_request_decision(poll)[0] == AuthorizationRequestPollingResult.NOPE
    assert OctoRest(url=client.url, apikey=key).get_version() == client.get_version()


def remove_uploads(client):
    for file in client.files()["files"]:
        if file["name"].startswith("octorest"):
            client.delete(file["path"])


def main(url, key):
    client = OctoRest(url=url, apikey=key)
    checks = {
        "server": lambda: check_server(client),
        "connection": lambda: check_connection(client),
        "printer": lambda: check_printer(client),
        "files": lambda: check_files(client),
        "prints": lambda: check_prints(client),
        "events": lambda: check_events(client, url),
        "application keys": lambda: check_app_keys(client),
    }
    remove_uploads(client)
    for name, check in checks.items():
        check()
        print(f"{name}: ok")
    remove_uploads(client)
    try:
        OctoRest(url=url, apikey="WRONG").get_version()
    except RuntimeError as error:
        assert "(403)" in str(error), error
    else:
        raise AssertionError("a wrong key was accepted")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
