"""The listening socket, opened before anything else is started."""

import socket

from dockrev.config.shared import HttpAddress
from dockrev.errors import ConfigError


def listen(address: HttpAddress) -> socket.socket:
    """Raises ConfigError when the address is taken or is none of this machine's."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listening = socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        # Python 3.11 adds the address to the text.
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]
        raise ConfigError([f"DOCKREV_HTTP_ADDR: cannot listen on {address} ({reason})"]) from error
    # Connections inherit it. Event loops set it themselves only on sockets that they opened, and without it
    # an answer in two writes waits 40 ms for the client's acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
