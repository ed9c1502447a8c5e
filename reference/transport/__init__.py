# SPDX-License-Identifier: GPL-2.0-or-later
"""The roles over real sockets: asyncio, TCP and unix sockets, TLS.

The rule: a transport moves bytes, offers room, and notices that a connection
is gone.  What an event means is the core's matter (``reference.protocol``).
"""

from reference.transport.address import Address, parse_address
from reference.transport.destination_end import serve
from reference.transport.log import Log
from reference.transport.outcome import Received, Sent
from reference.transport.rate import Rate
from reference.transport.source_end import send
from reference.transport.workload import Workload

__all__ = [
    "Address",
    "parse_address",
    "Received",
    "serve",
    "Log",
    "Rate",
    "Sent",
    "send",
    "Workload",
]
