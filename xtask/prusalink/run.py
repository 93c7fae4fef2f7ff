"""PrusaLink as tests need it. The arguments are those of `prusalink`."""

import sys

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

from prusa.link.__main__ import main  # noqa: E402

sys.exit(main())
