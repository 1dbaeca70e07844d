"""A fast, plain IMAP client for measuring: it finds the end of an answer and does no more."""
import re
import socket
import time


class Refused(Exception):
    pass


class Imap:
    def __init__(self, port, user=None, password=None, timeout=900):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.count = 0
        greeting = self.read_line()
        if not greeting.startswith(b"* "):
            raise Refused(greeting.decode("latin-1"))
        if user is not None:
            self.command(f'LOGIN "{user}" "{password}"')

    def read_line(self):
        while b"\r\n" not in self.rest:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("connection closed")
            self.rest += data
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def send(self, command):
        self.count += 1
        tag = f"bq{self.count}z"
        self.socket.sendall(f"{tag} {command}\r\n".encode())
        return tag.encode()

    def wait(self, tag, keep=False):
        """Reads to the tagged line. Returns all of it with `keep`, else only how many bytes came."""
        chunks, size, tail = [], 0, self.rest
        self.rest = b""
        data = tail
        while True:
            if data:
                size += len(data)
                if keep:
                    chunks.append(data)
            if tail.endswith(b"\r\n"):
                begin = tail.rfind(b"\r\n", 0, len(tail) - 2)
                # The tagged line is the last one, as nothing else has been asked; it is short.
                if tail.startswith(tag + b" ", begin + 2 if begin >= 0 else 0):
                    line = tail[begin + 2 if begin >= 0 else 0:-2]
                    break
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("connection closed")
            tail = data if len(data) > 4096 else tail[-4096:] + data
        if not line.startswith(tag + b" OK"):
            raise Refused(line.decode("latin-1"))
        return b"".join(chunks) if keep else size

    def command(self, command, keep=False):
        return self.wait(self.send(command), keep)

    def select(self, mailbox="INBOX"):
        """Returns the number of messages."""
        found = re.search(rb"\* (\d+) EXISTS", self.command(f"SELECT {mailbox}", keep=True))
        return int(found.group(1))

    def append(self, mailbox, message, flags=""):
        """`message` may be an iterable of chunks with a length: (size, chunks)."""
        size, chunks = message if isinstance(message, tuple) else (len(message), [message])
        tag = self.send(f"APPEND {mailbox} ({flags}) {{{size}}}")
        while not (line := self.read_line()).startswith(b"+"):
            if line.startswith(tag):
                raise Refused(line.decode("latin-1"))
        for chunk in chunks:
            self.socket.sendall(chunk)
        self.socket.sendall(b"\r\n")
        return self.wait(tag)

    def close(self):
        self.socket.close()


def fetched(answer):
    """The numbers of the messages that an answer to FETCH speaks of; a check, not for timing."""
    return {int(number) for number in re.findall(rb"(?:^|\n)\* (\d+) FETCH \(", answer)}


def found(answer):
    """The numbers that SEARCH or ESEARCH gave."""
    numbers = set()
    for line in re.findall(rb"\* SEARCH([ \d]*)\r\n", answer):
        numbers.update(int(number) for number in line.split())
    for line in re.findall(rb"\* ESEARCH[^\r]* ALL ([\d,:]+)", answer):
        for part in line.split(b","):
            first, _, last = part.partition(b":")
            numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def retry(limit, action):
    """Calls `action` until it raises no more."""
    deadline = time.monotonic() + limit
    while True:
        try:
            return action()
        except (OSError, EOFError, Refused):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
