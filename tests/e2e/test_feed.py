"""Which rules can't work with the inputs of a config: `rules list -c`, `rules lint -c`, `check`."""
import json
import os
import subprocess

import pytest

from conftest import ROOT, SEKISHO

RULE = """title: {name}
name: {name}
id: 7b0fbb2b-8f1b-4f6f-9a43-{n:012}
level: low
category: protocol
logsource: {{{source}}}
detection:
  s: {{{item}}}
  condition: s
"""


def config(folder, inputs, rules=ROOT / "rules", more=""):
    path = folder / "c.yaml"
    path.write_text(f"inputs:\n{inputs}\nrules: [{rules}]\njournal: {{dir: {folder}/journal}}\n{more}\n")
    return path


def sekisho(*args, code=0):
    p = subprocess.run([SEKISHO, *map(str, args)], capture_output=True, text=True, timeout=60)
    assert p.returncode == code, p.stdout + p.stderr
    return p.stdout


def inactive(path):
    """What is missing, by rule."""
    rows = [r.split(" inactive: no input gives ") for r in sekisho("rules", "list", "-c", path).splitlines()]
    return {r[0].split()[0]: r[1] for r in rows if len(r) == 2}


def test_rules_that_no_input_feeds_are_named_with_what_they_miss(tmp_path):
    off = inactive(config(tmp_path, "  - {files: [/x/access.log], parser: combined}"))
    assert off["auth.ssh.bruteforce"] == "process.name"
    assert off["app.login.taken-over"] == "sekisho.auth.result"
    assert {r: off[r] for r in off if r.startswith(("web.", "crawl"))} == {"crawl.profiles.by-session": "session.id"}
    off = inactive(config(tmp_path, "  - {journald: {}}"))
    assert off["web.sqli.statement"] == "url.path" and "auth.ssh.bruteforce" not in off
    assert {r for r in off if r.startswith("auth.")} == set()
    both = "  - {files: [/x/audit.log], parser: auditd}\n  - {files: [/x/a.log], parser: combined}"
    off = inactive(config(tmp_path, both))
    assert not [r for r in off if r.startswith("audit.")] and "web.sqli.statement" not in off


def test_whatever_a_line_says_feeds_all(tmp_path):
    assert inactive(config(tmp_path, "  - {files: [/x/all.log], parser: auto}")) == {}


def test_identity_and_own_formats_count(tmp_path):
    more = """parsers:
  mine:
    pattern: '^(?<client_address>\\S+) (?<who>\\S+) (?<request>.*)$'
    attributes: {who: user.name}"""
    rules = tmp_path / "rules"
    rules.mkdir()
    fields = {"m.user": "user.name", "m.session": "session.id", "m.agent": "user_agent.original"}
    for n, (name, field) in enumerate(fields.items()):
        text = RULE.format(name=name, n=n, source="category: webserver", item=f"{field}: xxxxyyyy")
        (rules / f"{name}.yml").write_text(text)
    mine = "  - {files: [/x/a.log], parser: mine, identity: [{attribute: session.id, field: sid}]}"
    assert inactive(config(tmp_path, mine, rules, more)) == {"m.agent": "user_agent.original"}


def test_lint_and_check_say_it_too(tmp_path):
    path = config(tmp_path, "  - {files: [/x/access.log], parser: combined}")
    off = inactive(path)
    notes = [x for x in sekisho("rules", "lint", "-c", path).splitlines() if ": note: " in x]
    assert len(notes) == len(off)
    assert any("app.login.failed: inactive: no input gives sekisho.auth.result" in x for x in notes)
    assert f"{len(off)} of the rules and correlations are inactive" in sekisho("check", "-c", path)


def test_a_filter_by_the_parent_is_marked(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    for name, condition in (("p.filter", "s and not f"), ("p.plain", "s and f")):
        text = RULE.format(name=name, n=len(name), source="category: process_creation, product: linux", item="Image: /bin/xyz")
        (rules / f"{name}.yml").write_text(text.replace("condition: s", f"f: {{ParentImage: /sbin/init}}\n  condition: {condition}"))
    rows = sekisho("rules", "list", "--rules", rules).splitlines()
    assert {r.split()[0]: "degraded" in r for r in rows[:2]} == {"p.filter": True, "p.plain": False}


@pytest.mark.parametrize("parser", sorted(p.stem for p in (ROOT / "tests" / "cases").glob("*.txt")))
def test_what_a_format_gives_is_what_its_cases_have(parser, tmp_path):
    """Each attribute that a line of the cases has feeds a rule about it."""
    log = tmp_path / "x.log"
    text = (ROOT / "tests" / "cases" / f"{parser}.txt").read_text()
    log.write_text("".join(x[6:] + "\n" for x in text.splitlines() if x.startswith("line: ")))
    rules = tmp_path / "rules"
    rules.mkdir()
    out = sekisho("scan", "--all", "--raw", "--parser", parser, "--rules", rules, log)
    names = {a for row in out.splitlines() for a in json.loads(row)["attributes"]}
    if parser == "syslog":  # requests in nginx's messages: see SYSLOG_GIVES
        names -= {"http.request.method", "network.protocol.version", "url.path", "url.query"}
    sources = ("category: webserver", "product: linux")
    for n, name in enumerate(sorted(names)):
        for k, source in enumerate(sources):
            rule = RULE.format(name=f"r{k}.{name}", n=n, source=source, item=f"'{name}|exists': true")
            (rules / f"{n}-{k}.yml").write_text(rule)
    off = inactive(config(tmp_path, f"  - {{files: [{log}], parser: {parser}}}", rules))
    assert len(names) > 5
    assert [n for n in names if f"r0.{n}" in off and f"r1.{n}" in off] == []
