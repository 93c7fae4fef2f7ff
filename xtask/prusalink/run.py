"""PrusaLink as tests need it. The arguments are those of `prusalink`."""

import sys
import threading
import time

import zeroconf

# Nobody but this machine hears the announcement.
announce = zeroconf.Zeroconf
zeroconf.Zeroconf = lambda: announce(interfaces=["127.0.0.1"])

from prusa.link import const  # noqa: E402

# A checkout below /tmp has its files there.
const.BLACKLISTED_PATHS.remove("/tmp")

from prusa.link.serial import serial_adapter  # noqa: E402

# A board that has just been opened boots for 8 s; the simulated one does not.
sleep = serial_adapter.sleep
serial_adapter.sleep = lambda seconds: sleep(min(seconds, 0.2))

from prusa.link.serial.serial_queue import MonitoredSerialQueue  # noqa: E402

# A print that is stopped while an `ok` is dealt with may lose the command that stops it; then every later start hangs.
# One is done after the other.
either = threading.RLock()
confirmed = MonitoredSerialQueue._confirmed
flush = MonitoredSerialQueue.flush_print_queue


def confirmed_undisturbed(queue, force=False):
    with either:
        confirmed(queue, force=force)


def flush_undisturbed(queue):
    with either:
        flush(queue)


MonitoredSerialQueue._confirmed = confirmed_undisturbed
MonitoredSerialQueue.flush_print_queue = flush_undisturbed

from prusa.link.printer_adapter.file_printer import FilePrinter  # noqa: E402

# The first print since PrusaLink was started breaks everything that is sent to the printer, if its thread is quicker
# than the one that notes the job's file. It waits for that.
write_file_stats = FilePrinter.write_file_stats


def write_known_file_stats(file_printer, *args):
    deadline = time.monotonic() + 5
    while file_printer.model.job.selected_file_path is None and time.monotonic() < deadline:
        time.sleep(0.01)
    write_file_stats(file_printer, *args)


FilePrinter.write_file_stats = write_known_file_stats

from prusa.link.__main__ import main  # noqa: E402

sys.exit(main())
