"""What is measured: a private Dovecot, a slow link to it, Waystation. All end with this process."""
import grp
import json
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import imap

PASSWORD = "wonderland"


def free_port():
    # Below the range of outgoing connections, so that none of them takes it in between.
    while True:
        port = random.randint(10240, 32700)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def server_account():
    """Who runs Dovecot: never root."""
    entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return entry.pw_uid, entry.pw_gid, entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name


class Child:
    """A program below a keeper (tests/support/tools/process_keeper.cc), which ends it with us."""

    def __init__(self, build, argv, log, env=None, as_server=False, stdout=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        uid, gid = (server_account()[:2]) if as_server and os.geteuid() == 0 else (-1, -1)
        keeper = os.path.join(build, "tests", "process_keeper")
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(
                [keeper, str(theirs.fileno()), str(uid), str(gid), *argv], pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=stdout or output, stderr=output, env={**os.environ, **(env or {})})
        theirs.close()
        self.channel = ours
        kind, value = struct.unpack("ii", ours.recv(8))
        if kind != 0:
            raise RuntimeError(f"cannot start {argv[0]}: {os.strerror(value)}")
        self.pid = value

    def stop(self, limit=30):
        """SIGTERM, and SIGKILL when that does not help."""
        try:
            os.kill(self.pid, signal.SIGTERM)
            self.channel.settimeout(limit)
            self.channel.recv(8)
        except OSError:
            pass
        self.kill()

    def kill(self):
        self.channel.close()
        self.popen.wait()


class Dovecot:
    """Maildir, everything on; users far, near and many. `directory` must be reachable by all."""

    def __init__(self, build, directory):
        self.build, self.directory, self.port = build, directory, free_port()
        uid, gid, user, group = server_account()
        for folder in ("run", "state", "mail", "home"):
            os.makedirs(os.path.join(directory, folder), exist_ok=True)
        self.config = os.path.join(directory, "dovecot.conf")
        with open(self.config, "w") as file:
            file.write(f"""base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_client_limit = 4000
default_process_limit = 1000
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {user}
mail_gid = {group}
mail_location = maildir:{directory}/mail/%u
mail_max_userip_connections = 1000
mail_plugins = notify zlib
mailbox_list_index = yes
protocol imap {{
  mail_plugins = notify zlib imap_zlib
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap {{
  process_min_avail = 2
  service_count = 0
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={directory}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
""")

    def maildir(self, user):
        return os.path.join(self.directory, "mail", user)

    def start(self):
        uid, gid, _, _ = server_account()
        if os.geteuid() == 0:
            for root, folders, files in os.walk(self.directory):
                for name in (".", *folders, *files):
                    os.lchown(os.path.join(root, name), uid, gid)
        self.child = Child(self.build, ["/usr/sbin/dovecot", "-F", "-c", self.config],
                           os.path.join(self.directory, "start.log"), as_server=True)
        imap.retry(30, lambda: imap.Imap(self.port, "near", PASSWORD).close())

    def stop(self):
        self.child.stop()


class SlowLink:
    def __init__(self, build, server_port, round_trip_ms, mbit_per_s, log):
        self.child = Child(build, [os.path.join(build, "bench", "slow_link"), str(server_port),
                                   str(round_trip_ms), str(mbit_per_s)], log, stdout=subprocess.PIPE)
        self.port, control = map(int, self.child.popen.stdout.readline().split())
        self.control = socket.create_connection(("127.0.0.1", control)).makefile("rw")

    def do(self, command):
        self.control.write(command + "\n")
        self.control.flush()
        return json.loads(self.control.readline())

    def stop(self):
        self.child.kill()


class Waystation:
    """One account, one user, one listener; `directory` holds config, cache and log."""
    USER, LOCAL_PASSWORD = "me", "local secret"

    def __init__(self, build, directory, upstream_port, upstream_user, compress):
        self.build, self.directory, self.port = build, directory, free_port()
        self.program = os.path.join(build, "waystation")
        os.makedirs(directory, exist_ok=True)
        self.config = os.path.join(directory, "config.json")
        with open(self.config, "w") as file:
            json.dump({
                "data_dir": os.path.join(directory, "data"),
                "listeners": [{"protocol": "imap", "address": "127.0.0.1", "port": self.port, "tls": "none"}],
                "accounts": {"work": {"upstream": {
                    "protocol": "imap", "host": "localhost", "port": upstream_port, "tls": "none",
                    "user": upstream_user, "password": {"env": "BENCH_UPSTREAM"}, "compress": compress},
                    "prefetch": "all", "cache_limit": "10GB"}},
                "users": {self.USER: {"password": {"env": "BENCH_LOCAL"}, "accounts": ["work"]}},
                "limits": {"max_connections_per_address": 1000},
                "sync": {"reconnect_min": "100ms", "reconnect_max": "1s"},
                "log": {"level": "warning"}}, file, indent=1)
        self.child = None

    def start(self):
        self.child = Child(self.build, [self.program, "serve", "--config", self.config],
                           os.path.join(self.directory, "waystation.log"),
                           env={"BENCH_UPSTREAM": PASSWORD, "BENCH_LOCAL": self.LOCAL_PASSWORD})

    def client(self):
        return imap.Imap(self.port, self.USER, self.LOCAL_PASSWORD)

    def status(self):
        """The account's part of `waystation status --json`; None while there is none."""
        said = subprocess.run([self.program, "status", "--json", "--config", self.config], capture_output=True,
                              env={**os.environ, "BENCH_UPSTREAM": "", "BENCH_LOCAL": ""})
        try:
            return json.loads(said.stdout)["accounts"][0]
        except (ValueError, KeyError, IndexError):
            return None

    def wait(self, done, limit, what, pause=0.1):
        """Polls the status until `done(status)`; returns when that was."""
        deadline, last = time.monotonic() + limit, None
        while time.monotonic() < deadline:
            last = self.status() or last
            if last and done(last):
                return time.monotonic()
            if self.child.popen.poll() is not None:
                raise RuntimeError(f"waystation has ended: {self.log_end()}")
            time.sleep(pause)
        raise RuntimeError(f"{what}: not within {limit} s: {json.dumps(last)[:400]} {self.log_end()}")

    def log_end(self):
        with open(os.path.join(self.directory, "waystation.log"), errors="replace") as file:
            return file.read()[-500:]

    def memory(self, field="VmRSS"):
        with open(f"/proc/{self.child.pid}/status") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no " + field)

    def forget_peak(self):
        with open(f"/proc/{self.child.pid}/clear_refs", "w") as file:
            file.write("5")

    def stop(self):
        if self.child:
            self.child.stop()
        self.child = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def complete(status, bodies=True):
    mailboxes = status.get("mailboxes") or []
    return bool(mailboxes) and all(
        box["last_good_check"] and box["summaries"] == box["messages"] and (not bodies or box["bodies"] == box["messages"])
        for box in mailboxes)


def check_built(build, programs):
    missing = [name for name in programs if not os.path.exists(os.path.join(build, name))]
    if missing:
        sys.exit(f"bench: {', '.join(missing)} missing below {build}; run it as ./dev bench")
