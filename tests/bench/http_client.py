"""A keep-alive HTTP/1.1 connection on raw asyncio streams: as little client as possible."""

import asyncio
from urllib.parse import urlsplit


class Connection:
    """One connection, for one request after the other."""

    def __init__(self, address):
        self.address = urlsplit(address)
        self.reader = self.writer = None

    async def ask(self, method, path, headers, body=b""):
        """Return the status and the body of an answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.address.hostname, self.address.port)
        self.writer.write(request_bytes(self.address.netloc, method, path, headers, body))
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = length_in(head)
        return int(head[9:12]), await self.reader.readexactly(length) if length else b""

    def close(self):
        if self.writer is not None:
            self.writer.close()


def request_bytes(host, method, path, headers, body):
    """Return a request as it goes over the wire."""
    fields = {"Host": host, **headers}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def length_in(head):
    """Return the length of the body that follows a head."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
