"""Drives a simulated Bambu Lab printer with bambulabs-api: `bambulabs_client.py MQTT_PORT FTPS_PORT SERIAL CODE PROJECT`.

It prints a project that Python has made, and plate 2 of PROJECT, which has no other. It ends with an error when something is not as bambulabs-api
understands it. Its `Printer` knows the usual ports only, so its parts are used one by one.
"""

import io
import sys
import time
import zipfile

from bambulabs_api.ftp_client import PrinterFTPClient
from bambulabs_api.mqtt_client import PrinterMQTTClient
from bambulabs_api.states_info import GcodeState

MQTT_PORT, FTPS_PORT = (int(port) for port in sys.argv[1:3])
SERIAL, CODE, PROJECT = sys.argv[3:6]
NAME = "from bambulabs.gcode.3mf"
LAYERS = 20


def project():
    gcode = f"; total layer number: {LAYERS}\nM104 S200\nM140 S60\nG28\n"
    for layer in range(1, LAYERS + 1):
        gcode += f"M73 P{layer * 100 // LAYERS} R{LAYERS - layer}\nM73 L{layer}\n" + "G1 X10 Y10 F3000\nG4 S2\n" * 10
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("Metadata/plate_1.gcode", gcode)
    return archive.getvalue()


def until(what, ask):
    for _ in range(300):
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"never {what}")


def main():
    printer = PrinterMQTTClient("127.0.0.1", CODE, SERIAL, port=MQTT_PORT)
    printer.connect()
    printer.start()
    until("connected", printer.is_connected)
    until("told anything", printer.ready)
    until("told its version", printer.firmware_version)
    assert printer.get_printer_state() in (GcodeState.IDLE, GcodeState.FINISH), printer.get_printer_state()
    assert 0 < printer.get_bed_temperature() < 100
    assert 0 < printer.get_nozzle_temperature() < 300
    assert printer.nozzle_diameter() == 0.4
    printer.process_ams()
    assert printer.ams_hub[0].filament_trays, "no trays"
    if "vt_tray" in printer.dump()["print"]:
        assert printer.vt_tray().tray_type == "PLA"

    for wanted in ("on", "off"):
        assert (printer.turn_light_on if wanted == "on" else printer.turn_light_off)()
        until(f"light {wanted}", lambda: printer.get_light_state() == wanted)
    assert printer.set_bed_temperature(45)
    until("bed heats", lambda: printer.get_bed_temperature_target() == 45)
    assert printer.set_part_fan_speed(255)
    until("fan turns", lambda: int(printer.get_part_fan_speed()) > 0)
    assert printer.set_print_speed_lvl(3)
    until("speed changes", lambda: printer.get_print_speed() == 124)

    def files():
        return PrinterFTPClient("127.0.0.1", CODE, port=FTPS_PORT)

    content = project()
    answer = files().upload_file(io.BytesIO(content), NAME)
    assert answer and answer.startswith("226"), answer
    _, lines = files().list_directory("/")
    assert any(line.endswith(" " + NAME) for line in lines), lines
    assert files().download_file(NAME).getvalue() == content

    assert printer.start_print_3mf(NAME, 1)
    until("running", lambda: printer.get_printer_state() == GcodeState.RUNNING)
    assert printer.subtask_name() == "from_bambulabs", printer.subtask_name()
    until("first layer", lambda: (printer.current_layer_num() or 0) > 0)
    assert printer.pause_print()
    until("paused", lambda: printer.get_printer_state() == GcodeState.PAUSE)
    assert printer.resume_print()
    until("resumed", lambda: printer.get_printer_state() == GcodeState.RUNNING)
    assert printer.stop_print()
    until("stopped", lambda: printer.get_printer_state() == GcodeState.FAILED)
    until("no error", lambda: printer.print_error_code() == 0)
    assert files().delete_file(NAME).startswith("250")

    with open(PROJECT, "rb") as file:
        content = file.read()
    answer = files().upload_file(io.BytesIO(content), NAME)
    assert answer and answer.startswith("226"), answer
    assert printer.start_print_3mf(NAME, 2)
    until("running the project", lambda: printer.get_printer_state() == GcodeState.RUNNING)
    until("in its layer", lambda: printer.current_layer_num() == 1)
    assert printer.stop_print()
    until("stopped the project", lambda: printer.get_printer_state() == GcodeState.FAILED)

    stranger = PrinterMQTTClient("127.0.0.1", "another1", SERIAL, port=MQTT_PORT)
    stranger.connect()
    stranger.start()
    time.sleep(1)
    assert not stranger.is_connected()
    stranger.stop()
    printer.stop()


main()
