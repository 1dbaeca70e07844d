#!/usr/bin/env python3
"""Checks the shape of the tree: who includes whom, file sizes, the folder table and links of the docs.

The rules are the tables of docs/architecture.md, written as data below. Prints one line per
violation, as file:line: text, and exits 1 when there is any. With --self-test it checks itself.
"""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
MAX_LINES = 900

# Which rooms a room may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "net": {"base"},
    "protocol": {"base"},
    "config": {"base"},
    "cache": {"base", "protocol"},
    "upstream": {"base", "net", "protocol", "config", "cache"},
    "proxy": {"base", "net", "protocol", "config", "cache"},
}

# Headers of libraries, and the only places that may include them. A place is a file or a folder.
LIBRARIES = [
    (r"(spdlog|fmt)/", ["base/log.h", "base/log.cc"]),
    (r"uv\.h$|uv/", ["net"]),
    (r"openssl/", ["net"]),
    (r"zlib\.h$|zconf\.h$", ["net"]),
    (r"unicode/", ["protocol"]),
    (r"gsasl", ["protocol"]),
    (r"nlohmann/", ["config", "proxy/admin"]),
    (r"rocksdb/", ["cache"]),
    (r"CLI/", ["proxy/cli", "proxy/main.cc"]),
    (r"(gtest|gmock|benchmark)/", []),
]

# One place joins the two halves of the program.
EXTRA = {("proxy/main.cc", "upstream")}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def below(path, place):
    return path == place or path.startswith(place + "/")


def include_error(path, bracket, header, root):
    """What is wrong with this include in `path` (relative to the root), or None."""
    room = path.split("/")[0]
    if bracket == '"':
        target = header.split("/")[0]
        if not (root / header).is_file():
            return f'"{header}" is not a file below the root: includes are written from the root'
        if target == room or target in MAY_INCLUDE[room] or (path, target) in EXTRA:
            return None
        return f"{room} may not include {target} ({header})"
    for pattern, places in LIBRARIES:
        if re.match(pattern, header):
            if any(below(path, place) for place in places):
                return None
            return f"<{header}> may be included by {' and '.join(places) or 'tests'} only"
    return None


def check_file(path, text, root):
    lines = text.split("\n")
    errors = []
    if path.endswith(".h") and "#pragma once" not in lines:
        errors.append((1, "no #pragma once"))
    if len(lines) - 1 > MAX_LINES:
        errors.append((MAX_LINES, f"{len(lines) - 1} lines: split the file (limit {MAX_LINES})"))
    if path.split("/")[0] in MAY_INCLUDE:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            error = match and include_error(path, match[1], match[2], root)
            if error:
                errors.append((number, error))
    return [f"{path}:{number}: {error}" for number, error in errors]


def sources(root):
    rooms = [*MAY_INCLUDE, "tests", "bench"]
    found = [p for room in rooms for p in (root / room).rglob("*") if p.suffix in {".h", ".cc"}]
    return sorted(p for p in found if "node_modules" not in p.parts)


def folder_table(root):
    """Folders named in the first column of the table below the heading "Folders"."""
    text = (root / "docs/architecture.md").read_text()
    section = re.search(r"^## Folders\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `([^`]+)/` \|", section[1], re.MULTILINE) if section else []


def tree_folders(root):
    """Folders that hold sources: two levels for rooms and tests, one for the rest."""
    deep = {*MAY_INCLUDE, "tests"}
    found = set()
    for top in root.iterdir():
        if not top.is_dir() or top.name.startswith(".") or top.name == "build":
            continue
        if any(p.is_file() for p in top.rglob("*")):
            found.add(top.name)
        if top.name in deep:
            for sub in top.iterdir():
                if sub.is_dir() and sub.name != "__pycache__":
                    if any(p.is_file() for p in sub.rglob("*")):
                        found.add(f"{top.name}/{sub.name}")
    return found


def check_folders(root):
    named, found = folder_table(root), tree_folders(root)
    errors = [f"docs/architecture.md: the table lacks `{name}/`" for name in sorted(found - set(named))]
    errors += [f"docs/architecture.md: `{name}/` is not in the tree" for name in named
               if name not in found]
    errors += [f"docs/architecture.md: `{name}/` stands there twice" for name in sorted(set(named))
               if named.count(name) > 1]
    return errors


def check_links(root):
    """Relative links of the Markdown files must lead somewhere."""
    errors = []
    for page in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]:
        for number, line in enumerate(page.read_text().split("\n"), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" not in target and not (page.parent / target).exists():
                    name = page.relative_to(root)
                    errors.append(f"{name}:{number}: link to {target}, which does not exist")
    return errors


def check_tests(root):
    """A test that a page names as `SuiteTest.Name` must be one."""
    defined = set()
    for path in (root / "tests").rglob("*_test.cc"):
        defined.update(re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.MULTILINE))
    errors = []
    for page in sorted((root / "docs").rglob("*.md")):
        for number, line in enumerate(page.read_text().split("\n"), 1):
            for suite, name in re.findall(r"`(\w+Test)\.(\w+)`", line):
                if (suite, name) not in defined:
                    errors.append(f"{page.relative_to(root)}:{number}: there is no test {suite}.{name}")
    return errors


def check(root):
    errors = []
    for path in sources(root):
        errors += check_file(str(path.relative_to(root)), path.read_text(errors="replace"), root)
    return errors + check_folders(root) + check_links(root) + check_tests(root)


def self_test():
    """Each rule must speak when broken and be silent when kept."""
    cases = [
        ("net/a.cc", '#include "base/b.h"', ""),
        ("net/a.cc", '#include "cache/b.h"', "net may not include cache"),
        ("base/a.cc", '#include "net/b.h"', "base may not include net"),
        ("proxy/imap/a.cc", '#include "upstream/b.h"', "proxy may not include upstream"),
        ("proxy/main.cc", '#include "upstream/b.h"', ""),
        ("upstream/a.cc", '#include "proxy/b.h"', "upstream may not include proxy"),
        ("upstream/a.cc", '#include "nowhere.h"', "not a file"),
        ("net/a.cc", "#include <uv.h>", ""),
        ("cache/a.cc", "#  include <uv.h>", "<uv.h> may be included by net only"),
        ("cache/a.cc", "#include <rocksdb/db.h>", ""),
        ("proxy/a.cc", "#include <rocksdb/db.h>", "cache only"),
        ("proxy/a.cc", "#include <nlohmann/json.hpp>", "config and proxy/admin only"),
        ("proxy/admin/a.cc", "#include <nlohmann/json.hpp>", ""),
        ("proxy/cli/a.cc", "#include <CLI/CLI.hpp>", ""),
        ("config/a.cc", "#include <spdlog/spdlog.h>", "base/log.h and base/log.cc only"),
        ("proxy/a.cc", "#include <gtest/gtest.h>", "tests only"),
        ("tests/a.cc", "#include <rocksdb/db.h>", ""),
        ("net/a.h", "int f();", "no #pragma once"),
        ("net/a.h", "#pragma once", ""),
        ("net/a.cc", "\n" * (MAX_LINES + 1), "split the file"),
        ("net/a.cc", "\n" * MAX_LINES, ""),
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for room in MAY_INCLUDE:
            (root / room).mkdir()
            (root / room / "b.h").write_text("#pragma once\n")
        for path, text, expected in cases:
            errors = check_file(path, text, root)
            fine = len(errors) == 1 and expected in errors[0] if expected else not errors
            if not fine:
                failed += 1
                print(f"self-test: {path}: {text.strip()!r}: expected {expected!r}, got {errors}")
        rows = "".join(f"| `{room}/` | x |\n" for room in [*MAY_INCLUDE, "docs"])
        (root / "docs").mkdir()
        doc = root / "docs/architecture.md"
        for table, expected in [(rows, 0), (rows + "| `gone/` | x |\n", 1),
                                (rows.replace("| `net/` | x |\n", ""), 1)]:
            doc.write_text(f"# x\n\n## Folders\n\n{table}\n## Next\n| `other/` | y |\n")
            errors = check_folders(root)
            if len(errors) != expected:
                failed += 1
                print(f"self-test: folder table: expected {expected} errors, got {errors}")
        doc.write_text("[a](architecture.md#x) [b](https://example.org/x) [c](gone.md)\n")
        (root / "tests").mkdir()
        (root / "tests/a_test.cc").write_text("TEST_P(ATest, IsThere) {\n")
        (root / "docs/rules.md").write_text("`ATest.IsThere` `ATest.IsNot`\n")
        if len(check_tests(root)) != 1:
            failed += 1
            print(f"self-test: tests: expected 1 error, got {check_tests(root)}")
        if len(check_links(root)) != 1:
            failed += 1
            print(f"self-test: links: expected 1 error, got {check_links(root)}")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    errors = check(ROOT)
    for error in errors:
        print(error)
    print(f"layering: {len(sources(ROOT))} files, {len(errors)} violations")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
