#!/usr/bin/env python3
"""Says which tests failed and what each said last, so that the end of a long log tells the reason.

usage: failures.py NAME REPORT

REPORT is what `ctest --output-junit` wrote; NAME stands before each test. Prints nothing when all passed.
"""
import sys
import xml.etree.ElementTree as ElementTree

LINES = 40


def main():
    name, report = sys.argv[1:]
    try:
        suite = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError) as error:
        print(f"{name}: no report of the tests: {error}")
        return
    for test in suite.iter("testcase"):
        if test.get("status") != "fail":
            continue
        print(f"\n-- {name}: {test.get('name')} ({float(test.get('time', 0)):.1f} s)")
        said = (test.findtext("system-out") or "").strip().splitlines()
        for line in said[-LINES:]:
            print("   " + line[:300])


main()
