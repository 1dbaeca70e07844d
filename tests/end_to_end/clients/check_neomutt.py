#!/usr/bin/env python3
"""neomutt, on a terminal of tmux's: check_neomutt.py HOST PORT USER PASSWORD"""
import os
import subprocess

from peer import Check, message

check = Check("neomutt")
socket = os.path.join(check.work, "tmux")
config = os.path.join(check.work, "neomuttrc")
url = f"imap://{check.host}:{check.port}/"
with open(config, "w") as file:
    file.write(f"""set imap_user = "{check.user}"
set imap_pass = "{check.password}"
set folder = "{url}"
set spoolfile = "+{check.box}"
set record = "" postponed = "+{check.other}"
set ssl_starttls = no ssl_force_tls = no
set imap_idle = yes mail_check = 1 timeout = 2 imap_keepalive = 30
set realname = "Tester" from = "tester@example.org" use_from = yes
set confirmappend = no confirmcreate = no delete = yes quit = yes move = no abort_nosubject = no abort_unmodified = no recall = no
set mark_old = no auto_tag = no wait_key = no sort = mailbox-order editor = "true" fast_reply = yes
set index_format = "%4C %Z %s"
set header_cache = "" tmpdir = "{check.work}"
""")


def tmux(*arguments):
    return subprocess.run(["tmux", "-S", socket, *arguments], capture_output=True, text=True, timeout=30)


def keys(*names):
    tmux("send-keys", "-t", "check", *names)


def screen():
    return tmux("capture-pane", "-p", "-t", "check").stdout


def shows(*texts, limit=30):
    return check.eventually(lambda: all(text in screen() for text in texts), limit)


os.environ.pop("TMUX", None)
tmux("-f", "/dev/null", "new-session", "-d", "-s", "check", "-x", "120", "-y", "40",
     f"HOME={check.work} LC_ALL=C.UTF-8 TERM=screen neomutt -n -F {config} -f '{url}{check.box}'; sleep 5")
try:
    check.step("open: the messages are listed", shows(*check.subjects), screen())
    keys("1", "Enter", "Enter")
    check.step("read: the body is shown", shows("with kumquat."), screen())
    keys("q")
    keys("l", "~s 'message 3'", "Enter")
    check.step("search: by subject", shows("message 3") and check.eventually(lambda: "message 1" not in screen()), screen())
    keys("l", "=b kumquat", "Enter")
    check.step("search: by body, at the server", shows(*check.subjects), screen())
    keys("l", "all", "Enter")
    shows(*check.subjects)
    keys("2", "Enter", "F", "$")
    check.step("flag", check.eventually(lambda: "\\Flagged" in check.look(check.box)[check.subjects[1]]), screen())
    keys("3", "Enter", "s", "C-u", f"={check.other}", "Enter")
    check.eventually(lambda: check.subjects[2] in check.look(check.other))
    keys("$")
    check.step("move", check.eventually(
        lambda: check.subjects[2] in check.look(check.other) and check.subjects[2] not in check.look(check.box)), screen())
    keys("1", "Enter", "d", "$")
    check.step("delete", check.eventually(lambda: check.subjects[0] not in check.look(check.box)), screen())
    # Postponing a message stores it in a mailbox.
    keys("m", "bob@example.org", "Enter", "neomutt draft", "Enter")
    shows("neomutt draft", "Compose")
    keys("P")
    check.step("append: a postponed message", check.eventually(lambda: "neomutt draft" in check.look(check.other)), screen())
    shows(check.subjects[4])
    peer = check.connect()
    peer.append(check.box, None, None, message("neomutt idle news"))
    peer.logout()
    check.step("idle: new mail shows up by itself", shows("neomutt idle news"), screen())
    keys("q")
finally:
    tmux("kill-server")
check.finish()
