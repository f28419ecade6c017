"""tests/cases/PARSER.txt: lines and what must become of them. Anybody can add a case; see tests/cases/README."""
import json
import os
import pathlib
import subprocess

import pytest

from conftest import ROOT, SEKISHO


def read_cases():
    for path in sorted((ROOT / "tests" / "cases").glob("*.txt")):
        lines, ref, first = [], None, 0
        for number, text in enumerate(path.read_text().split("\n"), 1):
            word, _, rest = text.partition(" ")
            if word == "line:":
                first = first or number
                lines.append(rest)
            elif word == "ref:":
                ref = rest
            elif word in ("expect:", "bad"):
                yield pytest.param(path.stem, lines, ref, rest if word == "expect:" else None, id=f"{path.name}:{first}")
                lines, ref, first = [], None, 0
            elif text and not text.startswith("#"):
                raise AssertionError(f"{path}:{number}: expected line:, ref:, expect: or bad")


@pytest.mark.parametrize("parser,lines,ref,expect", read_cases())
def test_case(parser, lines, ref, expect, tmp_path):
    log = tmp_path / "x.log"
    data = "\n".join(lines).encode().decode("unicode_escape").encode("latin-1") if any("\\x" in x and parser == "bytes" for x in lines) else "\n".join(lines).encode()
    log.write_bytes(data + b"\n")
    if ref:
        import datetime

        t = datetime.datetime.fromisoformat(ref.replace("Z", "+00:00")).timestamp()
        os.utime(log, (t, t))
    (tmp_path / "rules").mkdir()
    p = subprocess.run(
        [SEKISHO, "scan", "--all", "--raw", "--parser", parser, "--rules", str(tmp_path / "rules"), str(log)],
        capture_output=True, text=True, timeout=30, env={**os.environ, "TZ": "UTC"},
    )
    assert p.returncode == 0, p.stderr
    events = [json.loads(x) for x in p.stdout.splitlines()]
    assert len(events) == 1, "one case is one event"
    got = {**events[0]["attributes"], "time": events[0]["time"]}
    if expect is None:
        assert "sekisho.parse_error" in got
        return
    assert "sekisho.parse_error" not in got, got
    for key, value in json.loads(expect).items():
        assert got.get(key) == value, f"{key}: {got.get(key)!r}, expected {value!r}"
