"""Announces services by python-zeroconf, as it is told on its standard input: one JSON object a line, each answered by
one line. Ends with its input; what is then still announced gets no goodbye."""

import json
import os
import socket
import sys

from zeroconf import ServiceInfo, Zeroconf

zeroconf = Zeroconf(interfaces=[sys.argv[1]])


def info(order):
    kind = order["type"] + ".local."
    return ServiceInfo(
        kind,
        order["name"] + "." + kind,
        addresses=[socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in order["addresses"]],
        port=order["port"],
        server=order["host"] + ".",
        properties=order.get("txt", {}),
        host_ttl=order.get("ttl", 120),
        other_ttl=order.get("ttl", 4500),
    )


todo = {
    "announce": zeroconf.register_service,
    "change": zeroconf.update_service,
    "withdraw": zeroconf.unregister_service,
}
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    todo[order["do"]](info(order))
    print("done", flush=True)
os._exit(0)
