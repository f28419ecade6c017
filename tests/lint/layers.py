#!/usr/bin/env python3
"""Fail when an #include points against the flow, or a file is too long. Usage: layers.py FILE..."""
import re
import sys

# What each folder may include besides itself. The tests may include anything.
MAY = {
    "libs": [],
    "base": ["libs"],
    "match": ["base"],
    "parsers": ["base", "match"],
    "inputs": ["base"],
    "detect": ["libs", "base", "match", "parsers"],
    "journal": ["base"],
    "sinks": ["libs", "base"],
    "blockers": ["libs", "base"],
    "agent": ["libs", "base", "match", "parsers", "inputs", "detect", "journal", "sinks", "blockers"],
}
MAX_LINES = 500

bad = 0
for path in sys.argv[1:]:
    top = path.split("/")[0]
    lines = open(path).read().split("\n")
    if len(lines) > MAX_LINES + 1:
        print(f"{path}: {len(lines)} lines, the limit is {MAX_LINES}")
        bad = 1
    for number, line in enumerate(lines, 1):
        m = re.match(r'#include "(?:([^"/]+)/)?[^"]+"', line)
        if m and top in MAY and m[1] not in [top, *MAY[top]]:
            print(f"{path}:{number}: {top}/ must not use {line.strip()[9:]}")
            bad = 1
sys.exit(bad)
