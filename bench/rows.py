"""The rows of the table: what is done, and how its figure is judged."""
import json
import math
import os
import random
import statistics
import subprocess
import time

import imap
import machines
from corpus import RARE_WORD

PAGE = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"


class Table:
    """Collects rows and prints each as soon as it is known."""
    HEAD = f"{'':46}{'Waystation':>13}{'local Dovecot':>15}{'over the link':>15}   {'limit':<22}{'':8}"

    def __init__(self):
        self.rows = []
        self.head_printed = False

    def add(self, name, value, limit, met, unit="s", local=None, link=None, note=""):
        """`limit` is a text; `met` is None when there is nothing to judge."""
        if not self.head_printed:
            print(self.HEAD, flush=True)
            self.head_printed = True
        verdict = "" if met is None else "met" if met else "NOT MET"
        print(f"{name:46}{show(value, unit):>13}{show(local, unit):>15}{show(link, unit):>15}   {limit:<22}{verdict:8}{note}",
              flush=True)
        self.rows.append({"name": name, "unit": unit, "waystation": value, "local": local, "link": link,
                          "limit": limit, "met": met, "note": note})

    def failed(self, name, limit, error):
        text = " ".join(str(error).split())
        self.add(name, None, limit, False, note=" " + (text if len(text) < 300 else text[:300] + " ..."))


def show(value, unit):
    if value is None:
        return "-"
    if unit == "s":
        return f"{value * 1000:.2f} ms" if value < 0.1 else f"{value:.3f} s"
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB" if value >= 2**20 else f"{value / 1024:.1f} KiB"
    return f"{value:g} {unit}".strip()


# ---- what a warm cache is compared in -----------------------------------------------------------------------

class Scenario:
    def __init__(self, name, run, check=None, factor=1.0, fresh=False, overall=False):
        self.name, self.run, self.check = name, run, check
        self.factor, self.fresh, self.overall = factor, fresh, overall


def pages(client, count, keep=False):
    """40 pages in the middle, as somebody who scrolls asks for them."""
    begin = max(1, count // 2 - 999)
    return [client.command(f"FETCH {first}:{min(count, first + 49)} (UID FLAGS ENVELOPE BODYSTRUCTURE)", keep)
            for first in range(begin, min(count, begin + 2000), 50)]


def twenty_bodies(client, count, keep=False):
    begin = max(1, count * 3 // 4)
    return [client.command(f"FETCH {number} (BODY.PEEK[])", keep) for number in range(begin, min(count, begin + 20))]


def many_bodies(client, count, keep=False):
    begin = max(1, count // 6)
    return [client.command(f"FETCH {begin}:{min(count, begin + 1999)} (BODY.PEEK[])", keep)]


def one(command):
    return lambda client, count, keep=False: [client.command(command, keep)]


def fetched(answers):
    numbers = set()
    for answer in answers:
        numbers |= imap.fetched(answer)
    return numbers


def found(answers):
    return imap.found(answers[0])


WARM = [
    Scenario("login, select, logout", lambda client, count, keep=False: [client.command("LOGOUT", keep)], fresh=True, overall=True),
    Scenario("flags of all", one("FETCH 1:* (UID FLAGS)"), fetched, overall=True),
    Scenario("40 pages of 50 (envelope, structure)", pages, fetched, overall=True),
    Scenario("all envelopes", one("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"), fetched, overall=True),
    Scenario("20 bodies one by one", twenty_bodies, fetched, overall=True),
    Scenario("2,000 bodies in one FETCH", many_bodies, fetched, overall=True),
]
SEARCH = [
    Scenario("SEARCH SUBJECT", one("SEARCH SUBJECT harbour"), found, factor=0.5),
    Scenario("SEARCH UNSEEN", one("SEARCH UNSEEN"), found, factor=1.0),
    Scenario("SEARCH BODY of a rare word", one(f"SEARCH BODY {RARE_WORD}"), found, factor=0.2),
]


def timed(connect, scenario):
    """One round on a new connection; what is not asked for is outside the clock."""
    if scenario.fresh:
        begin = time.perf_counter()
        client = connect()
        count = client.select()
    else:
        client = connect()
        count = client.select()
        begin = time.perf_counter()
    scenario.run(client, count)
    taken = time.perf_counter() - begin
    client.close()
    return taken


def answer(connect, scenario):
    """What the answer says, to be sure that equal things are compared; also warms up."""
    client = connect()
    count = client.select()
    kept = scenario.run(client, count, keep=True)
    client.close()
    return scenario.check(kept) if scenario.check else None


def compare(table, scenarios, waystation, local, link, rounds):
    """A, B, A, B ...: a machine that drifts does so for both."""
    ratios = []
    for scenario in scenarios:
        limit = f"{scenario.factor:g} x local"
        try:
            same = answer(waystation, scenario) == answer(local, scenario) if waystation else True
            times = {"waystation": [], "local": []}
            for _ in range(rounds):
                if waystation:
                    times["waystation"].append(timed(waystation, scenario))
                times["local"].append(timed(local, scenario))
            over_link = timed(link, scenario)
        except Exception as error:  # one row that fails does not hide the others
            table.failed(scenario.name, limit, error)
            continue
        theirs = statistics.median(times["local"])
        if not waystation:
            table.add(scenario.name, None, limit, None, local=theirs, link=over_link)
            continue
        ours = statistics.median(times["waystation"])
        if scenario.overall:
            ratios.append(ours / theirs)
        table.add(scenario.name, ours, limit, same and ours <= scenario.factor * theirs, local=theirs, link=over_link,
                  note=f" {ours / theirs:.2f} x" + ("" if same else ", and another ANSWER than Dovecot's"))
    if ratios:
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
        table.add("these together (geometric mean)", round(mean, 3), "0.5 x local",
                  len(ratios) == sum(s.overall for s in scenarios) and mean <= 0.5, unit="x")


# ---- cold ---------------------------------------------------------------------------------------------------

def newest_page(connect, size=50):
    """Connects and lists the newest messages; returns the client and how many messages there are."""
    client = connect()
    count = client.select()
    numbers = imap.fetched(client.command(f"FETCH {max(1, count - size + 1)}:{count} {PAGE}", keep=True))
    if len(numbers) != min(size, count):
        raise RuntimeError(f"asked for {min(size, count)} messages, got {len(numbers)}")
    return client, count


def cold_start(table, make_waystation, link_connect, runs):
    straight, starts, old_pages = [], [], []
    for _ in range(runs):
        begin = time.perf_counter()
        client, _ = newest_page(link_connect)
        straight.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        client.command(f"FETCH 1:50 {PAGE}")
        page_over_link = time.perf_counter() - begin
        client.close()
    if make_waystation is None:
        table.add("cold start to the newest 50 listed", None, "1.2 s", None, link=statistics.median(straight))
        table.add("an old page of 50 on demand", None, "0.35 s", None, link=page_over_link)
        return
    try:
        for _ in range(runs):
            waystation = make_waystation("cold", True)
            try:
                begin = time.perf_counter()
                waystation.start()
                client, count = imap.retry(30, lambda: newest_page(waystation.client))
                starts.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                client.command(f"FETCH 1:{min(50, count)} {PAGE}")
                old_pages.append(time.perf_counter() - begin)
                client.close()
            finally:
                waystation.remove()
    except Exception as error:
        return table.failed("cold start to the newest 50 listed", "1.2 s", error)
    start, page = statistics.median(starts), statistics.median(old_pages)
    table.add("cold start to the newest 50 listed", start, "1.2 s", start <= 1.2, link=statistics.median(straight))
    table.add("an old page of 50 on demand", page, "0.35 s", page <= 0.35, link=page_over_link)


def all_bodies(table, make_waystation, link, line_time, straight):
    """Two first syncs, without and with COMPRESS. Returns the second Waystation, still running and warm."""
    for compress, factor in ((False, 1.05), (True, 0.9)):
        name = "all bodies in, " + ("with COMPRESS" if compress else "without COMPRESS")
        limit = f"{factor * line_time:.1f} s ({factor:g} x line)"
        waystation = make_waystation("warm", compress)
        try:
            link.do("reset")
            begin = time.monotonic()
            waystation.start()
            end = waystation.wait(machines.complete, 20 * line_time + 60, "all bodies in", pause=0.25)
            counters = link.do("show")
        except Exception as error:
            table.failed(name, limit, error)
            waystation.remove()
            if compress:
                return None
            continue
        table.add(name, end - begin, limit, end - begin <= factor * line_time, link=None if compress else straight,
                  note=f" {counters['bytes_to_client'] / 1e6:.1f} MB came")
        if compress:
            return waystation
        waystation.remove()


def reconnect(table, make_waystation, link, round_trip):
    """An unchanged account of 200 mailboxes, until every one is known to be good again."""
    name, limit = "reconnect to 200 unchanged mailboxes", "6 round trips"
    waystation = make_waystation("many", True, "many")
    try:
        begin = time.monotonic()
        waystation.start()
        listed = waystation.wait(lambda status: len(status["mailboxes"] or []) > 200 and all(
            box["last_good_check"] for box in status["mailboxes"]), 120, "200 mailboxes listed", pause=0.02)
        whole = waystation.wait(machines.complete, 600, "200 mailboxes in")
        table.add("200 new mailboxes: flags of all", listed - begin, "", None, note=f" bodies of all in {whole - begin:.1f} s")
        time.sleep(2)
        link.do("down")
        time.sleep(2.2)  # last_good_check counts seconds
        since = int(time.time())
        link.do("reset")
        link.do("up")
        begin = time.monotonic()
        waystation.wait(lambda status: all(box["last_good_check"] >= since for box in status["mailboxes"]), 120, name, pause=0.02)
        taken, counters = time.monotonic() - begin, link.do("show")
    except Exception as error:
        return table.failed(name, limit, error)
    finally:
        waystation.remove()
    table.add(name, counters["most_round_trips"], limit, counters["most_round_trips"] <= 6, unit="rt",
              note=f" on the busiest of {counters['connections']} connections; {taken:.2f} s in all, waiting to reconnect included")


# ---- writes and memory --------------------------------------------------------------------------------------

def stores(table, waystation, local, direct, round_trip, runs=40):
    """STORE: when it is acknowledged, and when somebody at the server sees it."""
    theirs = []
    client = local()
    client.select()
    for number in range(1, runs + 1):
        begin = time.perf_counter()
        client.command(f"STORE {number} +FLAGS (\\Flagged)")
        theirs.append(time.perf_counter() - begin)
    client.close()
    if not waystation:
        return table.add("a STORE acknowledged", None, "2 ms", None, local=statistics.median(theirs))
    try:
        acknowledged, seen = [], []
        client, watcher = waystation(), direct()
        client.select()
        watcher.select()
        for number in range(1, runs + 1):
            sign = "-" if b"\\Answered" in watcher.command(f"FETCH {number} (FLAGS)", keep=True) else "+"
            begin = time.perf_counter()
            client.command(f"STORE {number} {sign}FLAGS (\\Answered)")
            answered = time.perf_counter()
            acknowledged.append(answered - begin)
            while (b"\\Answered" in watcher.command(f"FETCH {number} (FLAGS)", keep=True)) != (sign == "+"):
                if time.perf_counter() - answered > 20:
                    raise RuntimeError("a STORE has not reached the server within 20 s")
                time.sleep(0.002)
                watcher.command("NOOP")
            seen.append(time.perf_counter() - answered)
            time.sleep(2 * round_trip)  # the next one finds nothing under way
        client.close()
        watcher.close()
    except Exception as error:
        return table.failed("a STORE acknowledged", "2 ms", error)
    ours, upstream = statistics.median(acknowledged), statistics.median(seen)
    table.add("a STORE acknowledged", ours, "2 ms", ours <= 0.002, local=statistics.median(theirs))
    table.add("  and seen upstream", upstream, f"{round_trip:g} s (1 round trip)", upstream <= round_trip)


def many_stores(table, build, make_waystation, local, clients=64, seconds=5):
    """As many as are acknowledged to one client, and to 64 at once, a mailbox each. `local`: a port, a user and a password."""
    def rate(port, user, password, clients=clients):
        said = subprocess.run([os.path.join(build, "bench", "many_stores"), str(port), user, password,
                               str(clients), str(seconds), "Folder%"], capture_output=True, text=True)
        if said.returncode != 0:
            raise RuntimeError(said.stderr)
        return json.loads(said.stdout)

    name, limit = f"STOREs of {clients} clients", "3,000 /s"
    alone = "a STORE of one client after the other, median"
    # The link has no part in it: replay goes on beside it, and takes its share of the machine.
    waystation = make_waystation("stores", True, "many", local[0]) if make_waystation else None
    try:
        theirs, their_one = rate(*local)["per_second"], rate(*local, clients=1)["median"]
        if not waystation:
            return table.add(name, None, limit, None, unit="/s", local=theirs)
        waystation.start()
        waystation.wait(machines.complete, 120, "200 mailboxes in")
        us = (waystation.port, waystation.USER, waystation.LOCAL_PASSWORD)
        one, ours = rate(*us, clients=1)["median"], rate(*us)
    except Exception as error:
        return table.failed(name, limit, error)
    finally:
        if waystation:
            waystation.remove()
    table.add(alone, one, "1 ms", one < 0.001, local=their_one)
    table.add(name, ours["per_second"], limit, ours["per_second"] >= 3000, unit="/s", local=theirs,
              note=f" median {ours['median'] * 1000:.1f} ms, 99 % {ours['p99'] * 1000:.1f} ms")


# ---- after an outage ----------------------------------------------------------------------------------------

def pipelined(client, commands, window=200):
    """Sends commands without waiting for each; the answers are all awaited."""
    for begin in range(0, len(commands), window):
        tags = [client.send(command) for command in commands[begin:begin + window]]
        client.wait(tags[-1])


def mixed_writes(client, count):
    """What somebody does on a train: flags, moves, copies, drafts, deletions, all mixed."""
    chance = random.Random(7)
    kinds = ["flag"] * 60 + ["append"] * 12 + ["copy"] * 12 + ["move"] * 12 + ["expunge"] * 4
    for number in range(1, count + 1):
        kind, uid = chance.choice(kinds), 3 * number
        if kind == "append":
            client.append(chance.choice(["Work", "Old"]), b"From: me@example.org\r\nSubject: draft %d\r\n"
                          b"Message-ID: <%d@outage>\r\n\r\nHello.\r\n" % (number, number), "\\Seen")
        elif kind == "flag":
            flag = chance.choice(["\\Seen", "\\Flagged", "\\Answered"])
            client.command(f"UID STORE {uid} +FLAGS.SILENT ({flag})")
        elif kind == "expunge":
            client.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
            client.command(f"UID EXPUNGE {uid}")
        else:
            client.command(f"UID {kind.upper()} {uid} {chance.choice(['Work', 'Old'])}")


def replay(table, make_waystation, link):
    """From the moment when the link is up again to an empty queue; waiting to reconnect is a part of it."""
    def after_outage(name, mailbox, limit, write):
        try:
            link.do("down")
            client = waystation.client()
            client.select(mailbox)
            begin = time.monotonic()
            write(client)
            taken_here = time.monotonic() - begin
            client.close()
            link.do("reset")
            link.do("up")
            begin = time.monotonic()
            end = waystation.wait(lambda status: status["pending"] == 0, 300, name, pause=0.02)
            counters, status = link.do("show"), waystation.status()
            table.add(name, end - begin, f"{limit} s", end - begin <= limit and status["parked"] == 0,
                      note=f" {counters['most_round_trips']} round trips; acknowledged here in {taken_here:.2f} s")
        except Exception as error:
            table.failed(name, f"{limit} s", error)

    waystation = make_waystation("outage", True, "outage")
    try:
        waystation.start()
        waystation.wait(machines.complete, 120, "the mailboxes of the outage in")
        after_outage("500 mixed writes replayed", "INBOX", 5, lambda client: mixed_writes(client, 500))
        after_outage("10,000 flag changes replayed", "Large", 3, lambda client: pipelined(
            client, [f"STORE {number} +FLAGS.SILENT ($todo)" for number in range(1, 10_001)]))
    except Exception as error:
        table.failed("replay", "5 s; 3 s", error)
    finally:
        waystation.remove()


def memory(table, waystation, connections):
    try:
        time.sleep(12)  # at rest is not the moment when the last body came in
        rest = waystation.memory()
        table.add("memory at rest", rest, "60 MB", rest <= 60e6, unit="bytes")
        warm_up = [waystation.client() for _ in range(20)]
        for client in warm_up:
            client.select()
            client.close()
        time.sleep(12)
        before = waystation.memory()
        idle = [waystation.client() for _ in range(connections)]
        for client in idle:
            client.select()
            client.send("IDLE")
            client.read_line()
        time.sleep(1)
        each = (waystation.memory() - before) / connections
        for client in idle:
            client.close()
    except Exception as error:
        return table.failed("memory", "60 MB; 24 KiB", error)
    table.add("memory of each idle connection", each, "24 KiB", each <= 24 * 1024, unit="bytes",
              note=f" over {connections}, each in IDLE on INBOX")


def big_message(table, waystation, size):
    """In by APPEND, out by FETCH, while it also goes upstream: how far memory rises above what it was."""
    name = f"a {size // 10**6} MB message in and out: growth"
    head = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: big\r\nMessage-ID: <big@bench>\r\nMIME-Version: 1.0\r\n" \
           b"Content-Type: application/octet-stream\r\n\r\n"
    line = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n"
    block = line * 800
    blocks = size // len(block)

    def chunks():
        yield head
        for _ in range(blocks):
            yield block

    try:
        total = len(head) + blocks * len(block)
        before = waystation.memory()
        waystation.forget_peak()
        client = waystation.client()
        begin = time.perf_counter()
        client.append("Big", (total, chunks())) if has_mailbox(client, "Big") else None
        took_in = time.perf_counter() - begin
        count = client.select("Big")
        begin = time.perf_counter()
        size_back = client.command(f"FETCH {count} (BODY.PEEK[])")
        took_out = time.perf_counter() - begin
        if size_back < total:
            raise RuntimeError(f"{size_back} bytes came back of {total}")
        client.close()
        waystation.wait(lambda status: status["pending"] == 0, 600, "the big message sent", pause=1)
        growth = waystation.memory("VmHWM") - before
    except Exception as error:
        return table.failed(name, "16 MB", error)
    table.add(name, growth, "16 MB", growth < 16e6, unit="bytes", note=f" in {took_in:.2f} s, out {took_out:.2f} s")


def has_mailbox(client, name):
    try:
        client.command(f"CREATE {name}")
    except imap.Refused:
        pass  # it is there
    return True
