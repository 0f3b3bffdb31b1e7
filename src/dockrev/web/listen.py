"""Opens the listening socket, before anything else of the server starts."""

import socket

from dockrev.config.shared import HttpAddress
from dockrev.errors import ConfigError


def listen(address: HttpAddress) -> socket.socket:
    """Raises ConfigError when the address is in use or does not belong to this machine."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listening = socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        # Python 3.11 adds the address to the text.
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]
        raise ConfigError([f"DOCKREV_HTTP_ADDR: cannot listen on {address} ({reason})"]) from error
    # Connections inherit this option. Event loops set it only on sockets that they opened themselves. Without
    # it, an answer in two writes waits 40 ms until the client has acknowledged the first write.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
