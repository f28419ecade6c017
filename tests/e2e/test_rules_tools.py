"""rules bench and backtest: what a rule costs and would have done in logs that are there; rules test --watch."""
import gzip
import os
import queue
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as xml

import pytest

from conftest import DEADLINE_S, SEKISHO
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


class Watch:
    """rules test --watch, and its lines as they come."""

    def __init__(self, *paths):
        args = [a for p in paths for a in ("--rules", str(p))]
        self.process = subprocess.Popen(
            [SEKISHO, "rules", "test", "--watch", "--parser", "combined", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for text in self.process.stdout:
            self.lines.put(text.rstrip("\n"))

    def until(self, ending):
        seen = []
        while not seen or not seen[-1].endswith(ending):
            seen.append(self.lines.get(timeout=DEADLINE_S))
        return seen

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(timeout=DEADLINE_S)


@pytest.fixture
def watched(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "r.yml").write_text(RULE)
    w = Watch(tmp_path / "set")
    yield tmp_path / "set", w
    w.process.kill()
    w.process.wait()


BAD = RULE.replace("union+station", "union+select")


def test_watch_runs_again_when_a_rule_is_saved(watched):
    rules, w = watched
    w.until("2 passed, 0 failed (1 rules, 0 correlations)")
    (rules / "r.yml").write_text(BAD)
    seen = w.until("r.yml: 1 passed, 1 failed (1 rules, 0 correlations)")
    assert any("should ignore this example" in r for r in seen)
    (rules / ".r.yml.swp").write_text("an editor's own")
    (rules / "r.yml.new").write_text(RULE)
    os.replace(rules / "r.yml.new", rules / "r.yml")  # as most editors save
    assert w.until("r.yml: 2 passed, 0 failed (1 rules, 0 correlations)")[-1].split()[1:2] == ["r.yml:"]
    (rules / "r.yml").write_text("title: [")
    assert any("error: flow sequence" in r for r in w.until("r.yml: errors, nothing was tested"))
    (rules / "r.yml").write_text(RULE)
    w.until("r.yml: 2 passed, 0 failed (1 rules, 0 correlations)")
    assert w.stop() == 0


def test_watch_sees_folders_come_and_files_go(watched):
    rules, w = watched
    w.until("2 passed, 0 failed (1 rules, 0 correlations)")
    (rules / "more").mkdir()
    w.until("more: 2 passed, 0 failed (1 rules, 0 correlations)")
    (rules / "more" / "new.yml").write_text(NEW.split("---")[0])
    w.until("new.yml: 2 passed, 0 failed (2 rules, 0 correlations)")
    (rules / "r.yml").unlink()
    w.until("r.yml: 0 passed, 0 failed (1 rules, 0 correlations)")
    (rules / "r.yml").write_text(BAD)
    w.until("r.yml: 1 passed, 1 failed (2 rules, 0 correlations)")
    assert w.stop(signal.SIGTERM) == 65  # as the last run was


def test_watch_follows_a_single_file_that_is_renamed_over(tmp_path):
    (tmp_path / "mine.rule").write_text(RULE)
    w = Watch(tmp_path / "mine.rule")
    w.until("2 passed, 0 failed (1 rules, 0 correlations)")
    (tmp_path / "other.tmp").write_text(BAD)
    os.replace(tmp_path / "other.tmp", tmp_path / "mine.rule")
    w.until("mine.rule: 1 passed, 1 failed (1 rules, 0 correlations)")
    assert w.stop() == 65


def test_watch_says_what_it_can_not_watch():
    p = sekisho("rules", "test", "--watch", "--rules", "/nonexistent/rules")
    assert p.returncode == 66 and "No such file" in p.stderr


def test_a_rule_may_lie_in_the_folder_that_it_is_compared_with(logs):
    (logs / "set" / "new.yml").write_text(NEW)
    p = sekisho("rules", "backtest", str(logs / "set" / "new.yml"), "--rules", str(logs / "set"), "--parser", "combined", str(logs / "a.log"))
    assert p.returncode == 0 and row(p.stdout, "matches")[1] == "5", p.stderr
