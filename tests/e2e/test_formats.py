"""Formats that a config declares: `parsers:`, checked by samples, used by scan and run."""
import json

import pytest

from conftest import wait_for
from test_commands import RULE, sekisho

FORMATS = """parsers:
  shop:
    pattern: '(?<at>\\S+) (?<client_address>\\S+) "(?<request>[^"]*)" (?<http_response_status_code>\\d+) u=(?<u>\\S+) (?<took>\\d+)ms'
    time: {field: at, format: '%d.%m.%Y-%H:%M:%S'}
    attributes: {u: user.name, took: shop.took_ms}
    samples:
      - line: '23.11.2026-06:00:00 203.0.113.7 "GET /a?b=c HTTP/1.1" 200 u=al 12ms'
        expect: {time: '2026-11-23T06:00:00Z', url.path: /a, url.query: b=c, user.name: al, shop.took_ms: 12}
      - line: '23.11.2026-06:00:00 203.0.113.7 "-" 200 u=- 12ms'
        expect: {user.name: '', url.path: ''}
      - line: 'nonsense'
        bad: true
"""
INPUT = "inputs:\n  - files: [/var/log/shop.log]\n    parser: shop\n    time_zone: UTC\n"
LINE = '23.11.2026-06:00:00 203.0.113.7 "GET /?q=%s HTTP/1.1" 200 u=al 12ms\n'


def write(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return str(path)


def test_scan_reads_a_format_of_the_config(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yml").write_text(RULE)
    config = write(tmp_path, INPUT + FORMATS)
    p = sekisho("check", "-c", config)
    assert p.returncode == 0, p.stderr
    log = LINE % "union+select" + LINE % "x" + "nonsense\n"
    args = ["-c", config, "--rules", str(tmp_path / "rules"), "--all", "-"]
    p = sekisho("scan", "--parser", "shop", *args, stdin=log)
    assert p.returncode == 0, p.stderr
    events = [json.loads(line) for line in p.stdout.splitlines()]
    assert [e["kind"] for e in events] == ["event", "event", "event", "alert"]
    a = events[0]["attributes"]
    assert events[0]["parser"] == "shop" and events[0]["time"] == "2026-11-23T06:00:00.000000Z"
    assert a["user.name"] == "al" and a["shop.took_ms"] == "12" and a["http.response.status_code"] == 200
    # an http attribute makes it a webserver's log: the rule applies
    assert [d["rule"] for d in events[0]["detections"]] == ["t.union"]
    assert events[2]["attributes"]["sekisho.parse_error"] == "shop"
    assert sekisho("scan", *args, stdin=log).stdout == p.stdout, "the first input's parser is the default"
    assert sekisho("scan", "--parser", "shop", "-", stdin=log).returncode == 64, "without its config it is unknown"


def test_scan_takes_rules_and_hops_from_the_config(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yml").write_text(RULE)
    config = write(tmp_path, INPUT + "    client_address: {log: realip, hops: [lb]}\n"
                   + "networks: {lb: [203.0.113.0/24]}\nrules: [%s]\n" % (tmp_path / "rules") + FORMATS)
    p = sekisho("scan", "-c", config, "-", stdin=LINE % "union+select")
    event = json.loads(p.stdout.splitlines()[0])
    assert event["attributes"]["sekisho.client.provenance"] == "claimed"


def test_formats_lists_them(tmp_path):
    p = sekisho("formats", "-c", write(tmp_path, INPUT + FORMATS))
    assert p.returncode == 0 and "combined" in p.stdout and "\nshop " in p.stdout
    assert "shop" not in sekisho("formats").stdout
    assert sekisho("formats", "-c", write(tmp_path, INPUT)).returncode == 78


def test_run_reads_a_format_of_the_config(agent):
    agent.parser = "shop"
    agent.more = FORMATS
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    (agent.logs / "a.log").write_text(LINE % "union+select" + LINE % "x" + "nonsense\n")
    agent.wait_rows(3)
    assert agent.query("SELECT parser, user_name, url_path, rule FROM events ORDER BY seq") == [
        ("shop", "al", "/", "t.union"), ("shop", "al", "/", None), ("shop", None, None, None)]
    agent.stop()


WRONG = [
    ("(?<at>", "(?<at", "3:15: error: pattern, offset"),
    ("field: at", "field: att", "4:12: error: time: the pattern has no group 'att'; did you mean 'at'?"),
    ("{u: user.name", "{v: user.name", "5:18: error: the pattern has no group 'v'"),
    ("u: user.name", "u: sekisho.parse_error", "is Sekisho's own"),
    ("%d.%m.%Y-%H:%M:%S", "%H:%M:%S", "names no day"),
    ("%d.%m.%Y-%H:%M:%S", "%Q", "%Q is not known"),
    ("field: at, format", "format", "`field` is missing"),
    ("  shop:", "  combined:", "2:3: error: 'combined' is the name of a built-in parser"),
    ("  shop:", "  Shop:", "names of formats are of a-z"),
    ("url.path: /a,", "url.path: /b,", "8:58: error: sample: url.path is '/a', expected '/b'"),
    ("06:00:00Z", "07:00:00Z", "8:25: error: sample: time is '2026-11-23T06:00:00.000000Z', expected '2026-11-23T07:00:00Z'"),
    ("url.query: b=c", "url.fragment: b", "sample: there is no url.fragment, expected 'b'"),
    ("{user.name: '',", "{user.name: 'x',", "sample: there is no user.name, expected 'x'"),
    ("'nonsense'", """'23.11.2026-06:00:00 203.0.113.7 "-" 200 u=- 12ms'""", "11:16: error: sample: the line is of this format"),
    ("200 u=al 12ms'", "200 u=al 12'", "7:16: error: sample: the line is not of this format"),
    ("(?<u>", "(?<client_provenance>.)?(?<u>", "is sekisho.client.provenance, which is Sekisho's own"),
    ("    pattern: ", "    patern: ", "did you mean 'pattern'?"),
]


@pytest.mark.parametrize("old,new,message", WRONG)
def test_what_is_wrong_is_named_with_its_place(tmp_path, old, new, message):
    assert FORMATS.count(old) >= 1
    path = write(tmp_path, FORMATS.replace(old, new, 1) + INPUT)
    p = sekisho("check", "-c", path)
    assert p.returncode == 78, p.stderr + p.stdout
    assert message in p.stderr and f"{path}:" in p.stderr, p.stderr


def test_an_unknown_parser_is_suggested(tmp_path):
    p = sekisho("check", "-c", write(tmp_path, FORMATS + INPUT.replace("shop\n", "shpo\n")))
    assert p.returncode == 78 and "there is no parser 'shpo'; did you mean 'shop'?" in p.stderr
