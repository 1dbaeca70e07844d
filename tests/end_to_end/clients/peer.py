"""What the client checks share: a second look at the server (Python's own imaplib), steps, a report."""
import imaplib
import os
import re
import shutil
import sys
import tempfile
import time

imaplib._MAXLINE = 10_000_000


def message(subject, body="Hello.\r\n"):
    return (f"From: Alice <alice@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{subject.replace(' ', '.')}@clients.example.org>\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{body}").encode()


class Check:
    """One client against one server: two mailboxes of its own, five messages in the first."""

    def __init__(self, client):
        if len(sys.argv) != 5:
            sys.exit(f"usage: {os.path.basename(sys.argv[0])} HOST PORT USER PASSWORD")
        self.host, port, self.user, self.password = sys.argv[1:]
        self.port, self.client, self.failed = int(port), client, 0
        self.work = tempfile.mkdtemp(prefix=f"waystation-{client}.")
        self.box, self.other = f"Client-{client}", f"Client-{client}-other"
        peer = self.connect()
        for name in (self.box, self.other):
            peer.delete(name)
            self.must(peer.create(name))
            peer.subscribe(name)
        self.subjects = [f"{client} message {i}" for i in range(1, 6)]
        for subject in self.subjects:
            self.must(peer.append(self.box, None, None, message(subject, f"Body of {subject}, with kumquat.\r\n")))
        peer.logout()

    @staticmethod
    def must(answer):
        if answer[0] != "OK":
            raise RuntimeError(str(answer))
        return answer[1]

    def connect(self):
        peer = imaplib.IMAP4(self.host, self.port, timeout=60)
        peer.login(self.user, f'{self.password}')
        return peer

    def look(self, mailbox):
        """{subject: set of flags} of a mailbox, over a new connection."""
        peer = self.connect()
        try:
            self.must(peer.select(f'"{mailbox}"', readonly=True))
            answer = self.must(peer.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
            seen = {}
            for part in answer:
                if not isinstance(part, tuple):
                    continue
                subject = re.search(rb"Subject: (.*?)\r\n", part[1])
                flags = re.search(rb"FLAGS \((.*?)\)", part[0])
                if subject:
                    seen[subject.group(1).decode()] = set(flags.group(1).decode().split()) - {"\\Recent"} if flags else set()
            return seen
        finally:
            peer.logout()

    def eventually(self, true, limit=30):
        deadline = time.monotonic() + limit
        while True:
            try:
                if true():
                    return True
            except (imaplib.IMAP4.error, RuntimeError, OSError):
                pass
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)

    def step(self, name, good, detail=""):
        print(f"{'ok    ' if good else 'FAILED'}  {self.client}: {name}" + (f" ({detail})" if detail and not good else ""), flush=True)
        self.failed += not good

    def finish(self):
        peer = self.connect()
        for name in (self.box, self.other):
            peer.delete(name)
        peer.logout()
        shutil.rmtree(self.work, ignore_errors=True)
        sys.exit(1 if self.failed else 0)
