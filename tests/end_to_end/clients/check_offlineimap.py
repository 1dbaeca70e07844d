#!/usr/bin/env python3
"""offlineimap: check_offlineimap.py HOST PORT USER PASSWORD"""
import os
import subprocess

from maildir_sync import run_all
from peer import Check

check = Check("offlineimap")
mail = os.path.join(check.work, "mail")
config = os.path.join(check.work, "offlineimaprc")
with open(config, "w") as file:
    file.write(f"""[general]
accounts = test
metadata = {check.work}/metadata
ui = basic
[Account test]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {mail}
[Repository far]
type = IMAP
remotehost = {check.host}
remoteport = {check.port}
remoteuser = {check.user}
remotepass = {check.password}
ssl = no
starttls = no
auth_mechanisms = PLAIN, LOGIN
maxconnections = 2
folderfilter = lambda name: name in ({check.box!r}, {check.other!r})
""")


def sync():
    done = subprocess.run(["offlineimap", "-o", "-c", config], capture_output=True, text=True, timeout=180,
                          env={**os.environ, "HOME": check.work, "PYTHONWARNINGS": "ignore"})
    output = done.stdout + done.stderr
    return done.returncode == 0 and "ERROR" not in output, output


run_all(check, lambda mailbox: os.path.join(mail, mailbox), sync)
check.finish()
