#!/usr/bin/env python3
"""Runs clang-tidy over every source of a build, in parallel; one that passed before is not run again.

usage: tidy.py BUILD_DIR JOBS

A full run takes minutes. What decides the outcome is the source, the project's headers below it, its
compile command, .clang-tidy and the version of clang-tidy: their digest is remembered when clean.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANG_TIDY = "clang-tidy-19"
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = pathlib.Path(base, "waystation-tidy")
    path.mkdir(parents=True, exist_ok=True)
    for mark in path.iterdir():
        if time.time() - mark.stat().st_mtime > 30 * 86400:
            mark.unlink(missing_ok=True)
    return path


class Sources:
    """Files of the project and what they include of it; each is read once."""

    def __init__(self):
        self.known = {}

    def load(self, path):
        if path not in self.known:
            text = path.read_bytes()
            includes = [ROOT / name.decode() for name in INCLUDE.findall(text)]
            self.known[path] = (hashlib.sha256(text).digest(), [p for p in includes if p.is_file()])
        return self.known[path]

    def digest(self, source):
        """Digest of `source` and of everything of ours that it includes, however deep."""
        seen, todo = {}, [source]
        while todo:
            path = todo.pop()
            if path not in seen:
                seen[path], includes = self.load(path)
                todo.extend(includes)
        total = hashlib.sha256()
        for path in sorted(seen):
            total.update(str(path.relative_to(ROOT)).encode() + b"\0" + seen[path])
        return total.digest()


def check(source, build_dir):
    command = [CLANG_TIDY, "-quiet", "-p", build_dir, str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    noise = re.compile(r"^\d+ warnings? (and \d+ errors? )?generated\.$|^Suppressed |^Use -header")
    lines = [line for line in done.stdout.splitlines() if not noise.match(line)]
    return done.returncode == 0, "\n".join(lines)


def main():
    build_dir, jobs = sys.argv[1], int(sys.argv[2])
    version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, check=True).stdout
    setting = version + (ROOT / ".clang-tidy").read_bytes()
    sources, passed, todo, total = Sources(), cache_dir(), [], 0
    for entry in json.loads(pathlib.Path(build_dir, "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"]).resolve()
        if not source.is_relative_to(ROOT) or source.is_relative_to(ROOT / "build"):
            continue
        total += 1
        command = entry["command"].replace(str(ROOT), "")
        key = hashlib.sha256(setting + command.encode() + sources.digest(source)).hexdigest()
        if (passed / key).exists():
            (passed / key).touch()
        else:
            todo.append((source, passed / key))
    print(f"{total - len(todo)} of {total} files passed before", flush=True)
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(check, source, build_dir): (source, mark) for source, mark in todo}
        for run in concurrent.futures.as_completed(runs):
            source, mark = runs[run]
            clean, output = run.result()
            if clean:
                mark.touch()
            else:
                failures += 1
                print(f"{source.relative_to(ROOT)}\n{output}", flush=True)
    print(f"clang-tidy: {failures} of {len(todo)} files with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
