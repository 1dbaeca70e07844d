"""What mbsync and offlineimap have in common: they keep a Maildir and a server equal."""
import os
import shutil

from peer import message


def files(folder):
    """{subject: path} of a Maildir folder."""
    found = {}
    for part in ("new", "cur"):
        directory = os.path.join(folder, part)
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                for line in file:
                    if line.startswith(b"Subject: "):
                        found[line[9:].strip().decode()] = path
                        break
    return found


def set_flags(path, flags):
    directory, name = os.path.split(path)
    target = os.path.join(os.path.dirname(directory), "cur", name.split(":2,")[0] + ":2," + "".join(sorted(flags)))
    os.rename(path, target)


def run_all(check, folder_of, sync):
    """`folder_of(mailbox)` is its Maildir, `sync()` runs the client once and returns (good, output)."""
    box, other = folder_of(check.box), folder_of(check.other)
    good, output = sync()
    check.step("open and read: first synchronization", good and set(files(box)) == set(check.subjects), output[-600:])
    with open(files(box)[check.subjects[0]], "rb") as file:
        body = file.read().replace(b"\r\n", b"\n")
    check.step("read: the body is as it was", b"with kumquat." in body)

    set_flags(files(box)[check.subjects[0]], "FS")
    good, output = sync()
    check.step("flag: from the client to the server",
               good and check.eventually(lambda: {"\\Flagged", "\\Seen"} <= check.look(check.box)[check.subjects[0]]), output[-600:])

    peer = check.connect()
    peer.select(check.box)
    peer.store("2", "+FLAGS", "(\\Seen \\Flagged)")
    peer.close()
    peer.logout()
    good, output = sync()
    check.step("flag: from the server to the client", good and "FS" in files(box)[check.subjects[1]].split(":2,")[-1], output[-600:])

    with open(os.path.join(box, "new", "1700000000.1.client"), "wb") as file:
        file.write(message(f"{check.client} written here").replace(b"\r\n", b"\n"))
    good, output = sync()
    check.step("append: a local message goes up", good and check.eventually(lambda: f"{check.client} written here" in check.look(check.box)),
               output[-600:])

    # A mail program moves by writing a copy without the UID in the name and removing the original.
    source = files(box)[check.subjects[2]]
    shutil.copy(source, os.path.join(other, "new", "1700000001.2.client"))
    os.remove(source)
    good, output = sync()
    check.step("move: to another mailbox", good and check.eventually(
        lambda: check.subjects[2] in check.look(check.other) and check.subjects[2] not in check.look(check.box)), output[-600:])

    os.remove(files(box)[check.subjects[3]])
    good, output = sync()
    check.step("delete: from the client", good and check.eventually(lambda: check.subjects[3] not in check.look(check.box)), output[-600:])

    peer = check.connect()
    peer.append(check.box, None, None, message(f"{check.client} from elsewhere"))
    peer.logout()
    good, output = sync()
    check.step("read: new mail comes down", good and f"{check.client} from elsewhere" in files(box), output[-600:])

    good, output = sync()
    same = set(files(box)) == set(check.look(check.box)) and set(files(other)) == set(check.look(check.other))
    check.step("both sides are equal at the end", good and same, output[-600:])
