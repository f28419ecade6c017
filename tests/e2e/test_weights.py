"""`weight:` of a rule: summed per request and category, each byte counting once."""
import json
import subprocess

import pytest

from conftest import SEKISHO, wait_for

RULE = """title: {name}
name: t.{name}
id: 7b0fbb2b-8f1b-4f6f-9a43-0000000000{n:02}
category: {category}
level: medium
weight: {weight}
logsource: {{category: webserver}}
detection:
  s: {{{item}}}
  condition: s
"""


def pack(folder, *rules):
    for n, (name, weight, item, *category) in enumerate(rules):
        text = RULE.format(name=name, n=n, weight=weight, item=item, category=(category or ["sqli"])[0])
        (folder / f"{name}.yml").write_text(text)


def line(target, agent="x", referer="-"):
    return f'203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET {target} HTTP/1.1" 200 1 "{referer}" "{agent}"\n'


def scan(folder, *lines):
    p = subprocess.run([SEKISHO, "scan", "--parser", "combined", "--rules", folder, "-"], input="".join(lines),
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stderr
    return [json.loads(x) for x in p.stdout.splitlines()]


def scored(folder, *lines):
    """The lines of which a score came."""
    return [e["line"] for e in scan(folder, *lines) if e["kind"] == "event"]


def test_a_score_lists_its_parts(tmp_path):
    pack(tmp_path, ("words", 6, "'cs-uri-query|contains': 'waitfor delay'"),
         ("quote", 4, "'sekisho.param.value|re': \"'\\\\s*;\""))
    events = scan(tmp_path, line("/a?id=1';waitfor+delay+5&x=1"), line("/a?id=1'+;"), line("/a?id=waitfor%20delay"))
    assert [e["line"] for e in events] == [1]
    score, = events[0]["detections"]
    assert score == {"rule": "web.sqli.score", "category": "sqli", "level": "medium", "parts": [
        {"rule": "t.quote", "field": "sekisho.param.value", "match": "';"},
        {"rule": "t.words", "field": "url.query", "match": "waitfor delay"}]}


def test_a_byte_counts_once_in_whatever_text_it_is_found(tmp_path):
    pack(tmp_path, ("target", 6, "'cs-uri|contains': 'waitfor'"),
         ("query", 6, "'cs-uri-query|contains': 'waitfor delay'"),
         ("value", 6, "'sekisho.param.value|re': '^waitfor\\s'"),
         ("line", 6, "'body|contains': 'waitfor'"))
    for target in ["/a?x=1&q=waitfor+delay", "/a?x=%31&q=w%61itfor%20delay", "/a?q=w%2561itfor%2520delay",
                   "/a%20b?q=waitfor%20delay", "/a?q=waitfor/**/delay", "/a?q=\\x22&q=waitfor%20delay", "/waitfor"]:
        assert scored(tmp_path, line(target)) == [], target
    # the same words at two places: the first of each field is its evidence
    assert scored(tmp_path, line("/waitfor?q=waitfor+delay")) == [1]


def test_an_agent_that_is_known_counts_once_too(tmp_path):
    pack(tmp_path, ("a", 5, "'cs-user-agent|contains': 'nasty'"), ("b", 5, "'cs-user-agent|re': 'asty'"),
         ("c", 5, "'cs-user-agent|contains': 'tool'"))
    lines = [line("/", "nasty")] * 3 + [line("/", "nasty tool")] * 3
    assert scored(tmp_path, *lines) == [4, 5, 6]


@pytest.mark.parametrize("target", ["/x?a=delay&b=shutdown", "/delay?a=shutdown", "/x?shutdown=1&a=delay",
                                    "/x?a=%64elay&b=shutdown", "/x?a=1&c=%2564elay&b=2&d=shu%74down&e"])
def test_different_bytes_add_up(tmp_path, target):
    pack(tmp_path, ("a", 5, "'cs-uri|contains': 'delay'"), ("b", 4, "'cs-uri|contains': 'shutdown'"),
         ("c", 5, "'cs-uri|contains': 'shutdow'"))
    assert scored(tmp_path, line(target)) == [1]


def test_categories_and_requests_are_summed_apart(tmp_path):
    pack(tmp_path, ("a", 9, "'cs-uri|contains': 'delay'"), ("b", 9, "'cs-uri|contains': 'script'", "xss"),
         ("c", 9, "'cs-uri|contains': 'shutdown'"))
    assert scored(tmp_path, line("/?a=delay&b=script"), line("/?a=delay"), line("/?a=shutdown")) == []


def test_parts_reach_the_store_and_hold_no_secret(agent, tmp_path):
    pack(tmp_path / "rules", ("a", 5, "'cs-uri|re': 'password=[^&]*'"), ("b", 5, "'cs-uri|contains': 'delay'"))
    agent.parser = "combined"
    (agent.logs / "a.log").write_text(line("/?password=hunter2secret&a=delay"))
    agent.start()
    query = "SELECT detections FROM events WHERE rule = 'web.sqli.score'"
    rows = wait_for(lambda: agent.query(query), "the score")
    score, = json.loads(rows[0][0])
    assert [p["rule"] for p in score["parts"]] == ["t.a", "t.b"]
    assert "hunter2" not in rows[0][0] and "[masked:" in score["parts"][0]["match"]
