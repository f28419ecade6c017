"""rules bench and rules backtest: what a rule costs, and what it would have done in logs that are there."""
import gzip
import time
import xml.etree.ElementTree as xml

import pytest

from test_commands import RULE, sekisho

NEW = """title: A path that is probed
name: t.probe
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000000a
category: recon
level: medium
logsource: {category: webserver}
detection: {s: {cs-uri-stem|startswith: /probe}, condition: s}
---
title: Probing
name: t.probing
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000000b
category: scanner
level: high
correlation: {type: event_count, rules: [t.probe], group-by: [client.address], timespan: 10m, condition: {gte: 3}}
"""


def line(path, addr, user="-", ago_s=0):
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(time.time() - ago_s))
    return f'{addr} - {user} [{stamp}] "GET {path} HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"\n'


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "r.yml").write_text(RULE)
    (tmp_path / "new.yml").write_text(NEW)
    old = "".join(line("/probe", "203.0.113.9", ago_s=3 * 86400) for _ in range(4))
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(old.encode()))
    now = [line(f"/probe/{i}", "203.0.113.7") for i in range(3)] + [line("/", "203.0.113.8", "ann"), line("/probe", "203.0.113.8")]
    now += [line("/probe?q=1+UNION+ALL+SELECT+2", "203.0.113.7"), line("/\x1b[2J", "203.0.113.7")]
    (tmp_path / "a.log").write_text("".join(now))
    return tmp_path


def backtest(logs, *more):
    files = [str(logs / "a.log.1.gz"), str(logs / "a.log")]
    return sekisho("rules", "backtest", str(logs / "new.yml"), "--rules", str(logs / "set"), "--parser", "combined", *more, *files)


def row(text, name):
    return next(r.split() for r in text.splitlines() if r.startswith(name))


def test_backtest_tells_what_a_new_rule_would_have_done(logs):
    p = backtest(logs)
    assert p.returncode == 0, p.stderr
    assert row(p.stdout, "matches")[1] == "9" and row(p.stdout, "matches")[4] == "8"  # one is found by t.union, too
    assert row(p.stdout, "clients")[1] == "3" and row(p.stdout, "clients")[4] == "1"  # 203.0.113.8 is ann's
    assert row(p.stdout, "alerts")[1] == "2" and row(p.stdout, "blocks")[1] == "2" and row(p.stdout, "blocks")[4] == "0"
    days = [r.split() for r in p.stdout.splitlines() if " for the first time" in r]
    assert sum(int(d[1]) for d in days) == 9 and days[0][1] == "4"
    assert p.stdout.count("  e.g. ") == 5 and "\x1b" not in p.stdout


def test_since_leaves_older_events_out(logs):
    p = backtest(logs, "--since", "1d")
    assert row(p.stdout, "matches")[1] == "5" and row(p.stdout, "alerts")[1] == "1"


def test_conditions_fail_and_are_told_to_a_build_server(logs):
    out = logs / "junit.xml"
    p = backtest(logs, "--fail-if", "alerts>1", "--fail-if", "honest_blocked>0", "--junit", str(out))
    assert p.returncode == 65 and "FAILED: alerts>1" in p.stdout
    cases = {c.get("name"): c.find("failure") is not None for c in xml.parse(out).getroot().iter("testcase")}
    assert cases == {"not alerts>1": True, "not honest_blocked>0": False}
    for wrong in ("alerts", "alerts>", "nosuch>1", "alerts>>1"):
        p = backtest(logs, "--fail-if", wrong)
        assert p.returncode == 64 and "counts are matches" in p.stderr


def test_a_rule_of_the_set_by_its_name(logs):
    p = sekisho("rules", "backtest", "t.un*", "--rules", str(logs / "set"), "--parser", "combined", str(logs / "a.log"))
    assert row(p.stdout, "matches")[1] == "1" and row(p.stdout, "blocks")[1] == "1"
    p = sekisho("rules", "backtest", "t.nosuch", "--rules", str(logs / "set"), "--parser", "combined", str(logs / "a.log"))
    assert p.returncode == 64 and "neither a file with rules nor the name of a rule" in p.stderr
    p = backtest(logs, "--since", "soon")
    assert p.returncode == 64 and "expected a span" in p.stderr


def test_bench_tells_what_each_rule_costs(logs):
    p = sekisho("rules", "bench", "--rules", str(logs / "set"), "--rules", str(logs / "new.yml"), "--parser", "combined", str(logs / "a.log"))
    assert p.returncode == 0, p.stderr
    assert p.stdout.startswith("7 lines, 2 rules:")
    rows = {r.split()[0]: r.split() for r in p.stdout.splitlines()[2:4]}
    assert set(rows) == {"t.union", "t.probe"}
    assert float(rows["t.probe"][4]) == pytest.approx(100 * 5 / 7, abs=0.01) and float(rows["t.probe"][6]) == 100
    assert "longest for " in p.stdout and "\x1b" not in p.stdout
    assert sekisho("rules", "bench").returncode == 64


def test_lint_finds_what_makes_a_pattern_run_long(tmp_path):
    slow = RULE.replace("union\\b.{1,20}select", "(?:\\s?-?\\w{1,9})+\\sxyz").replace("1%20union/**/select", "%20-a%20-b%20xyz")
    slow = slow.replace("7b0fbb2b", "7b0fbb2c")
    (tmp_path / "fast.yml").write_text(RULE)
    (tmp_path / "slow.yml").write_text(slow.replace("t.union", "t.slow"))
    p = sekisho("rules", "lint", "--rules", str(tmp_path))
    lines = [r for r in p.stdout.splitlines() if "on 4 KiB of" in r]
    assert len(lines) == 1 and "slow.yml:1: warning: t.slow: a pattern gives up" in lines[0], p.stdout
    assert "repeated: bound its repetitions" in lines[0]
