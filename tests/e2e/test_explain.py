"""rules explain and rules test: where a rule matched, and on what one failed that came near."""
import json

import pytest

from test_commands import RULE, sekisho

MORE = """title: A word and where it came from
name: t.two
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000021
category: recon
level: medium
logsource: {category: webserver}
detection: {s: {cs-uri-stem|startswith: /probe}, w: {cs-referer|contains: evil.example}, condition: s and w}
tests:
  match: ['203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET /probe HTTP/1.1" 200 1 "http://evil.example/" "x"']
  ignore: ['203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET /probe HTTP/1.1" 200 1 "-" "x"']
---
title: Unions
name: t.unions
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000022
category: sqli
level: high
correlation: {type: event_count, rules: [t.union], generate: true, group-by: [client.address, user.name], timespan: 10m, condition: {gte: 3}}
---
title: Unions by anybody
name: t.unions-of-one
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000023
category: sqli
level: high
correlation: {type: event_count, rules: [t.union], generate: true, group-by: [client.address], timespan: 10m, condition: {gte: 3}}
"""


def line(target, referer="-"):
    return f'203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET {target} HTTP/1.1" 200 1 "{referer}" "x"'


@pytest.fixture
def rules(tmp_path):
    (tmp_path / "r.yml").write_text(RULE)
    (tmp_path / "s.yml").write_text(MORE)
    return tmp_path


def explain(rules, text):
    p = sekisho("rules", "explain", text, "--rules", str(rules), "--parser", "combined")
    assert p.stderr == ""
    return p.returncode, p.stdout.splitlines()


def marked(lines, at):
    """The text of line `at` above the marks below it, and the byte above the first ^."""
    text, marks = lines[at], lines[at + 1].ljust(200)
    return "".join(c for c, m in zip(text, marks) if m in "~^"), text[marks.index("^"):]


def test_forms_and_where_a_rule_matched(rules):
    code, out = explain(rules, line("/?id=1%20union/**/select&password=hunter2"))
    assert code == 0 and "[masked:" in json.loads(out[0])["body"] and "hunter2" not in out[0]
    forms = {r.split()[1]: r.split(maxsplit=2)[2] for r in out if r.startswith("  request ")}
    assert forms["written"] == "/?id=1%20union/**/select&password=hunter2" and forms["squashed"].startswith("/?id=1 union select&")
    at = out.index(f"t.union: Union select ({rules}/r.yml:1)")
    assert out[at + 1].strip().startswith("url.query (") and marked(out, at + 1)[0] in ("union select", "union/**/select")
    assert "    counts for t.unions-of-one: 3 in 10min of client.address=203.0.113.7" in out
    assert any(r.startswith("    counts for t.unions: ") and r.endswith("user.name, which the event does not have: it is not counted") for r in out)
    assert "    alerts by itself: its evidence is conclusive" in out


def test_a_near_miss_says_where_the_pattern_diverged(rules):
    code, out = explain(rules, line("/?id=1%20union/**/selekt"))
    assert code == 1 and out[-1] == "no rule matches"
    at = next(i for i, r in enumerate(out) if r.startswith("near: t.union: "))
    assert out[at + 1] == "    fails on url.query (squashed)"
    text, rest = marked(out, at + 2)
    assert text == "union selek" and rest == "kt"
    assert marked(out, at + 4)[1] == "ct"


def test_the_part_that_failed_is_named(rules):
    code, out = explain(rules, line("/probe/1"))
    assert code == 1
    at = next(i for i, r in enumerate(out) if r.startswith("near: t.two: "))
    assert out[at].endswith(", 1 of 2 parts hold") and out[at + 1] == "    fails on http.request.header.referer: the event does not have it"
    code, out = explain(rules, line("/probe/1", "http://evil.exam.com/"))
    at = next(i for i, r in enumerate(out) if r.startswith("near: t.two: "))
    assert marked(out, at + 2) == ("evil.exam.", ".com/") and marked(out, at + 4)[1] == "ple"


def test_nothing_is_near_an_honest_line(rules):
    code, out = explain(rules, line("/products?page=2"))
    assert code == 1 and not any(r.startswith("near: ") for r in out)


def test_a_terminal_gets_no_control_bytes_and_marks_stand_below_wide_characters(rules):
    code, out = explain(rules, line("/?q=%E6%97%A5%E6%9C%AC%1B[2J%C2%9B union selekt".replace(" ", "%20")))
    assert not any(c in r for r in out for c in "\x1b\x9b")
    at = next(i for i, r in enumerate(out) if r.startswith("near: t.union: "))
    marks = out[at + 3]
    above = "".join(c * (2 if c in "日本" else 1) for c in out[at + 2])
    assert above[marks.index("~") : marks.index("^") + 1] == "union selek"


def test_a_failing_example_points_at_the_character(rules):
    (rules / "r.yml").write_text(RULE.replace("union/**/select HTTP", "union/**/selekt HTTP"))
    p = sekisho("rules", "test", "--rules", str(rules), "--parser", "combined")
    out = p.stdout.splitlines()
    assert p.returncode == 65 and out[-1] == "3 passed, 1 failed"
    assert out[0].endswith("should match this example, and does not")
    assert marked(out, 2) == ("union selek", "kt")
    (rules / "r.yml").write_text(RULE.replace("union+station", "union+select"))
    out = sekisho("rules", "test", "--rules", str(rules), "--parser", "combined").stdout.splitlines()
    assert out[0].endswith("should ignore this example, and matches") and marked(out, 1)[0] in ("union+select", "union select")
