#!/usr/bin/env python3
"""curl: check_curl.py HOST PORT USER PASSWORD"""
import os
import re
import subprocess

from peer import Check, message

check = Check("curl")
base = f"imap://{check.host}:{check.port}"


def curl(path, *options):
    done = subprocess.run(["curl", "-sS", "--max-time", "60", "--user", f"{check.user}:{check.password}", *options, base + path],
                          capture_output=True, timeout=90)
    return done.returncode == 0, done.stdout + done.stderr


good, output = curl("/")
check.step("open: list mailboxes", good and check.box.encode() in output, output)
good, output = curl("/", "--request", f"STATUS {check.box} (MESSAGES)")
check.step("open: STATUS", good and b"MESSAGES 5" in output, output)
good, output = curl(f"/{check.box};MAILINDEX=1")
check.step("read: a whole message", good and b"with kumquat." in output, output)
good, output = curl(f"/{check.box};UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)")
check.step("read: a part by UID", good and check.subjects[0].encode() in output, output)
good, output = curl(f"/{check.box}?SUBJECT%20%22message%203%22")
check.step("search: subject", good and re.search(rb"SEARCH 3\b", output) is not None, output)
good, output = curl(f"/{check.box}?BODY%20kumquat")
check.step("search: body", good and re.search(rb"SEARCH 1 2 3 4 5\b", output) is not None, output)
good, output = curl(f"/{check.box}", "--request", "STORE 1 +FLAGS (\\Flagged)")
check.step("flag", good and "\\Flagged" in check.look(check.box)[check.subjects[0]], output)
good, output = curl(f"/{check.box}", "--request", f"MOVE 2 {check.other}")
check.step("move", good and check.subjects[1] in check.look(check.other) and check.subjects[1] not in check.look(check.box), output)
good, output = curl(f"/{check.box}", "--request", "STORE 2 +FLAGS.SILENT (\\Deleted)")
gone, more = curl(f"/{check.box}", "--request", "EXPUNGE")
check.step("delete", good and gone and check.subjects[2] not in check.look(check.box), output + more)
path = os.path.join(check.work, "message")
with open(path, "wb") as file:
    file.write(message("curl uploaded"))
good, output = curl(f"/{check.box}", "--upload-file", path)
check.step("append", good and "curl uploaded" in check.look(check.box), output)
check.finish()
