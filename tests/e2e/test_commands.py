"""The command line: output forms, exit codes, messages for wrong input."""
import json
import subprocess

import pytest

from conftest import ROOT, SEKISHO, access_line, wait_for

RULE = """title: Union select
name: t.union
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000001
category: sqli
level: high
evidence: conclusive
logsource: {category: webserver}
detection:
  s:
    cs-uri-query|re|i: 'union\\b.{1,20}select'
  condition: s
tests:
  match: ['203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET /?q=1%20union/**/select HTTP/1.1" 200 1 "-" "x"']
  ignore: ['203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET /?q=union+station HTTP/1.1" 200 1 "-" "x"']
"""


def sekisho(*args, stdin=None):
    return subprocess.run([SEKISHO, *args], capture_output=True, text=True, input=stdin, timeout=60)


def test_scan_prints_events_and_alerts(tmp_path):
    (tmp_path / "r.yml").write_text(RULE)
    log = "".join(access_line(i) for i in range(3)) + access_line(9, "/?q=1+UNION+ALL+SELECT+2")
    p = sekisho("scan", "--parser", "combined", "--rules", str(tmp_path), "-", stdin=log)
    assert p.returncode == 0, p.stderr
    event, alert = [json.loads(line) for line in p.stdout.splitlines()]
    assert event["kind"] == "event" and event["line"] == 4 and len(event["id"]) == 32
    assert event["attributes"]["client.address"] == "203.0.113.7"
    assert event["attributes"]["http.response.status_code"] == 200
    assert event["detections"][0]["rule"] == "t.union"
    assert event["detections"][0]["match"] == "UNION+ALL+SELECT"
    assert alert["kind"] == "alert" and alert["action"] == "block" and alert["lines"] == [4]
    everything = sekisho("scan", "--all", "--parser", "combined", "--rules", str(tmp_path), "-", stdin=log)
    assert len(everything.stdout.splitlines()) == 5


def test_scan_is_the_same_by_filters_and_by_pcre2_alone(tmp_path):
    (tmp_path / "r.yml").write_text(RULE)
    paths = ["/?q=union+select", "/?q=un%69on%20se%6cect", "/?q=%2575nion%20select", "/a?x=union", "/?q=union/**/select"]
    log = "".join(access_line(i, p) for i, p in enumerate(paths * 20))
    args = ["--parser", "combined", "--rules", str(tmp_path), "-"]
    fast = sekisho("scan", *args, stdin=log).stdout
    assert fast == sekisho("scan", "--reference", *args, stdin=log).stdout
    assert fast.count('"kind":"event"') == 80


def test_a_quote_in_a_request_hides_nothing_in_a_json_log_without_its_escapes(tmp_path):
    """nginx without escape=json writes \\xHH for it, which is no JSON."""
    (tmp_path / "r.yml").write_text(RULE)
    log = r'{"remote_addr":"203.0.113.7","status":200,"request":"GET /?a=\x22&q=1+UNION+SELECT+2 HTTP/1.1"}' + "\n"
    p = sekisho("scan", "--parser", "json", "--rules", str(tmp_path), "-", stdin=log)
    assert p.returncode == 0, p.stderr
    event, alert = [json.loads(line) for line in p.stdout.splitlines()]
    assert "sekisho.parse_error" not in event["attributes"] and event["attributes"]["url.query"].startswith('a="&q=')
    assert event["detections"][0]["rule"] == "t.union" and alert["action"]


def test_rules_that_are_nowhere_are_said(tmp_path):
    """A folder without a rule in it is more likely a mistake than meant."""
    empty = tmp_path / "rules"
    empty.mkdir()
    config = tmp_path / "c.yaml"
    config.write_text(f"inputs: [{{files: [{tmp_path}/a.log], parser: raw}}]\nrules: [{empty}]\n")
    for p in (sekisho("scan", "--rules", str(empty), "-", stdin="x\n"), sekisho("rules", "lint", "--rules", str(empty)),
              sekisho("check", "-c", str(config))):
        assert p.returncode == 0 and f"{empty}: warning: there are no rules in it" in p.stderr, p
    (empty / "r.yml").write_text(RULE)
    assert "no rules in" not in sekisho("scan", "--rules", str(empty), "-", stdin="x\n").stderr


AGENT_RULE = """title: No browser
name: t.agent
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000002
category: crawler
level: informational
logsource: {category: webserver}
detection:
  s:
    cs-user-agent|re: '^[^M]'
  condition: s
"""


def test_a_rule_about_agents_needs_no_literal_and_is_decided_once_an_agent(tmp_path):
    (tmp_path / "r.yml").write_text(AGENT_RULE)
    assert "0 errors" in sekisho("rules", "lint", "--rules", str(tmp_path)).stdout
    agents = ["Mozilla/5.0 (X11)", "tool/1", "", "Other", "Mozilla/4.0"]
    log = "".join(access_line(i, agent=agents[i % 5]) for i in range(5000))
    args = ["--parser", "combined", "--rules", str(tmp_path), "-"]
    fast = sekisho("scan", *args, stdin=log).stdout
    assert fast == sekisho("scan", "--reference", *args, stdin=log).stdout
    assert fast.count('"kind":"event"') == 2000


def test_secrets_are_masked_unless_raw(tmp_path):
    (tmp_path / "r.yml").write_text(RULE)
    log = access_line(1, "/?password=hunter2secret&q=union+select")
    args = ["scan", "--parser", "combined", "--rules", str(tmp_path)]
    assert "hunter2secret" not in sekisho(*args, "-", stdin=log).stdout
    assert "[masked:16:" in sekisho(*args, "-", stdin=log).stdout
    assert "hunter2secret" in sekisho(*args, "--raw", "-", stdin=log).stdout


AUDIT_RULE = """title: Typed
name: typed.word
id: 5b0d3b0e-6f5c-5f6e-9a53-0c2f6d1a7b99
logsource: {product: linux, service: auditd}
detection:
    keywords: ['password=hunter2secret']
    condition: keywords
level: low
"""


@pytest.mark.parametrize("field", ["TTY data", "PATH name"])
def test_a_secret_that_only_its_decoded_form_shows_is_masked_in_the_evidence(tmp_path, field):
    """The line has it in hexadecimal digits, where nothing looks like a secret."""
    (tmp_path / "r.yml").write_text(AUDIT_RULE)
    kind, name = field.split()
    log = f"type={kind} msg=audit(1763877600.123:77): {name}={b'password=hunter2secret'.hex()}\n"
    args = ["scan", "--parser", "auditd", "--rules", str(tmp_path)]
    out = sekisho(*args, "-", stdin=log).stdout
    assert '"match":"password=[masked:16:' in out and "hunter2secret" not in out
    assert '"match":"password=hunter2secret"' in sekisho(*args, "--raw", "-", stdin=log).stdout


def test_rules_test_and_lint(tmp_path):
    (tmp_path / "r.yml").write_text(RULE)
    p = sekisho("rules", "test", "--rules", str(tmp_path), "--parser", "combined")
    assert p.returncode == 0 and p.stdout.endswith("2 passed, 0 failed\n"), p.stdout
    (tmp_path / "r.yml").write_text(RULE.replace("union station", "union select").replace("union+station", "union+select"))
    p = sekisho("rules", "test", "--rules", str(tmp_path), "--parser", "combined")
    assert p.returncode == 65 and "should ignore this example" in p.stdout and "r.yml:" in p.stdout


WRONG_RULES = [
    ("title: x", "title: x\nlogsorce: {}", "has no logsource"),
    ("cs-uri-query|re|i", "cs-uri-query|startwith", "did you mean 'startswith'"),
    ("category: sqli", "category: sqlli", "did you mean 'sqli'"),
    ("condition: s", "condition: s and t", "no selection named 't'"),
    ("condition: s", "condition: s | count() > 3", "aggregation"),
    ("union\\b", "(union\\b", "missing closing parenthesis"),
    ("category: webserver", "category: firewall", "is not supported"),
    ("level: high", "level: hihg", "did you mean 'high'"),
]


@pytest.mark.parametrize("old,new,message", WRONG_RULES)
def test_wrong_rules_are_named_with_their_place(tmp_path, old, new, message):
    text = RULE.replace(old, new) if old != "title: x" else "title: x\ndetection: {s: {a: b}, condition: s}\n"
    (tmp_path / "r.yml").write_text(text)
    p = sekisho("rules", "list", "--rules", str(tmp_path))
    assert p.returncode == 78
    assert message in p.stderr and f"{tmp_path}/r.yml:" in p.stderr, p.stderr


GOOD = """inputs:
  - files: [/var/log/x.log]
    parser: combined
"""
WRONG_CONFIGS = [
    ("inputz:\n", "1:1: error: unknown key 'inputz'; did you mean 'inputs'?"),
    ("inputs:\n  - files: [x.log]\n", "is not an absolute path"),
    ("inputs: 5\n", "expected a list"),
    ("inputs: []\n", "nothing to read"),
    ("inputs:\n  - parser: raw\n", "needs `files:`"),
    (GOOD.replace("combined", "combind"), "did you mean 'combined'"),
    (GOOD + "journal: {max_size: 5}\n", "out of range"),
    (GOOD + "journal: {max_size: lots}\n", "expected a size such as"),
    (GOOD + "response: {mode: enforced}\n", "did you mean 'enforce'"),
    (GOOD + "response: {mode: enforce}\n", "needs `planes:`"),
    (GOOD + "response: {ttl: 5}\n", "expected a span"),
    (GOOD + "response: {never_block: [10.0.0.1/8]}\n", "expected an address or network"),
    (GOOD + "response: {planes: [iptables]}\n", "neither nftables nor dry-run"),
    (GOOD + "sinks: {a: {type: sqlite}}\n", "needs `path:`"),
    (GOOD + "sinks: {a: {type: sqllite, path: /x}}\n", "did you mean 'sqlite'"),
    (GOOD + "sinks: {A: {type: null}}\n", "sink names are of a-z"),
    (GOOD + "    client_address: {log: xff}\n", "needs `hops`"),
    (GOOD + "    client_address: {log: realip, hops: [alb]}\n", "is not a name under `networks`"),
    (GOOD + "    multiline: '('\n", "missing closing parenthesis"),
    (GOOD + "a: 1\na: 2\n", "duplicate key"),
    (GOOD + "status: {socket: env:NO_SUCH_NAME\n", "error"),
    (GOOD + "networks: {alb: [nonsense]}\n", "expected an address or network"),
]


@pytest.mark.parametrize("text,message", WRONG_CONFIGS)
def test_wrong_config_is_named_with_its_place(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    p = sekisho("check", "-c", str(path))
    assert p.returncode == 78, p.stderr + p.stdout
    assert message in p.stderr and f"{path}:" in p.stderr, p.stderr


def test_every_command_has_help_with_an_example():
    listing = sekisho("--help").stdout
    names = [line.split()[0] for line in listing.splitlines() if line.startswith("  ")]
    assert "run" in names and "scan" in names
    for name in names:
        p = sekisho(name, "--help")
        assert p.returncode == 0 and "example:" in p.stdout, name
    assert sekisho("sacn").returncode == 64 and "did you mean 'scan'" in sekisho("sacn").stderr


def test_reload_takes_new_rules_and_refuses_wrong_ones(agent):
    agent.parser = "combined"
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    before = agent.status()["rules_hash"]
    (agent.root / "rules" / "r.yml").write_text(RULE.replace("t.union", "t.renamed"))
    agent.process.send_signal(1)
    wait_for(lambda: agent.status()["rules_hash"] != before, "the new rules are in use")
    log = agent.logs / "a.log"
    log.write_text(access_line(1, "/?q=union+select"))
    agent.wait_rows(1)
    assert agent.query("SELECT rule FROM events") == [("t.renamed",)]
    (agent.root / "rules" / "r.yml").write_text("nonsense: [")
    agent.process.send_signal(1)
    wait_for(lambda: agent.status()["reload_failures"] == 1, "the wrong rules are refused")
    agent.stop()


def test_alerts_and_shadow_blocks_are_rows(agent):
    agent.parser = "combined"
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    (agent.logs / "a.log").write_text(access_line(1, "/?q=union+select"))
    agent.wait_rows(1, "alerts")
    agent.wait_rows(1, "blocks")
    assert agent.query("SELECT rule, entity_value, action, effective, mode FROM alerts") == [
        ("t.union", "203.0.113.7", "block", "block", "shadow")
    ]
    assert agent.query("SELECT prefix, state FROM blocks") == [("203.0.113.7", "shadow")]
    listing = agent.run("blocks", "list").stdout
    assert "203.0.113.7" in listing and "shadow" in listing
    assert "removed 1" in agent.run("blocks", "remove", "203.0.113.7").stdout
    assert agent.run("blocks", "add", "127.0.0.1").returncode == 1
    assert "multicast" in agent.run("blocks", "add", "224.0.0.251", "1h").stdout
    for span in ("0s", "0"):
        zero = agent.run("blocks", "add", "198.51.100.77", span)
        assert zero.returncode == 1 and "above 0" in zero.stdout, zero
    for words in (["list", "extra"], ["list", "json"], ["remove", "198.51.100.77", "1h"], ["explain", "198.51.100.77", "x"]):
        assert agent.run("blocks", *words).returncode == 64, words
    agent.stop()
    agent.start()
    assert "removed" in agent.run("blocks", "explain", "203.0.113.7").stdout
    agent.stop()


def test_metrics_health_and_journal(agent):
    import socket
    import urllib.request

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    agent.parser = "combined"
    agent.status_more = f", listen: '127.0.0.1:{port}'"
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    (agent.logs / "a.log").write_text("".join(access_line(i) for i in range(20)) + access_line(1, "/?q=union+select"))
    agent.wait_rows(21)

    def get(path):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()

    assert get("/healthz") == "alive\n" and get("/readyz") == "ready\n"
    metrics = get("/metrics")
    assert "sekisho_events_total 21\n" in metrics
    names = [line.split(" ")[0] for line in metrics.splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names))
    lines = [json.loads(x) for x in agent.run("journal", "cat").stdout.splitlines()]
    assert sum(x["kind"] == "event" for x in lines) == 21
    assert sorted(x["kind"] for x in lines if x["kind"] != "event") == ["alert", "block"]
    assert agent.run("journal", "verify").returncode == 0
    assert "records" in agent.run("journal", "list").stdout
    agent.stop()


def test_the_reference_of_the_config_is_up_to_date():
    from conftest import ROOT

    assert sekisho("check", "--reference").stdout in (ROOT / "docs" / "configuration.md").read_text()


def test_schema_is_what_sqlite_takes(tmp_path):
    import sqlite3

    ddl = sekisho("schema", "sqlite").stdout
    db = sqlite3.connect(":memory:")
    db.executescript(ddl)
    for view in ("events", "alerts", "blocks", "detections", "ledger", "rejects"):
        db.execute(f"SELECT * FROM {view}")


def test_the_engine_checks_itself_on_the_host(agent):
    agent.rules = str(ROOT / "rules")
    agent.parser = "combined"
    agent.more = "check_one_in: 1"
    agent.start()
    paths = ["/?q=1+UNION+ALL+SELECT+2", "/%2e%2e/%2e%2e/etc/passwd", "/?a=%3Cscript%3Ealert(1)", "/index.html", "/?q=caf%C3%A9"]
    with open(agent.logs / "a.log", "w") as f:
        f.write("".join(access_line(i, paths[i % 5], agent=["sqlmap/1.7", "Mozilla/5.0"][i % 2]) for i in range(500)))
    agent.wait_rows(500)
    stats = agent.status()
    assert stats["engine_checks"] == 500 and stats["engine_differences"] == 0
    assert agent.query("SELECT count(*) FROM alerts WHERE rule = 'sekisho.engine.difference'") == [(0,)]
    agent.stop()
