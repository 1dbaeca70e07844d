#!/usr/bin/env python3
"""mbsync (isync): check_mbsync.py HOST PORT USER PASSWORD"""
import os
import subprocess

from maildir_sync import run_all
from peer import Check

check = Check("mbsync")
mail = os.path.join(check.work, "mail")
os.makedirs(mail)
config = os.path.join(check.work, "mbsyncrc")
with open(config, "w") as file:
    file.write(f"""IMAPAccount server
Host {check.host}
Port {check.port}
User "{check.user}"
Pass "{check.password}"
SSLType None
AuthMechs LOGIN
PipelineDepth 50

IMAPStore far
Account server

MaildirStore near
Path {mail}/
Inbox {mail}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {check.box} {check.other}
Create Both
Expunge Both
SyncState *
""")


def sync():
    done = subprocess.run(["mbsync", "-c", config, "all"], capture_output=True, text=True, timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


run_all(check, lambda mailbox: os.path.join(mail, mailbox), sync)
check.finish()
