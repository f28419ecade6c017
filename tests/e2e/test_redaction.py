"""No secret reaches the output of a scan, the journal or the store, however it is written."""
import json
import subprocess

import pytest

from conftest import SEKISHO, wait_for

T = '{"time":"2026-11-23T06:00:00Z","msg":"m%d",%s}'
MEMBERS = [r'"password":"it\'s HUNTER"'.replace("\\'", "'"), r'"password":"a\"HUNTER"', r'"token":"a\/HUNTER"', r'"otp":"HUNTER"',
           r'"p\u0061ssword":"a\u0026HUNTER"', '"token":["HUNTER"]', '"token":{"value":"HUNTER"}', '"authorization":"Basic HUNTER=="',
           '"cookie":"a=HUNTER; b=HUNTER"', '"set-cookie":"remember_me=HUNTER"', '"db":{"pass" : "HUNTER"}', '"secretKey":"HUNTER"',
           '"url":"https://bob:HUNTER@h/"']
QUERIES = ["password=a'HUNTER", "password=a;HUNTER", "password=a\\x22HUNTER", "p%61ssword=HUNTER", "next=%2Fl%3Fpassword%3DHUNTER",
           "next=%253Ftoken%253DHUNTER", "Authorization=Basic%20HUNTER", "password=HUNTER'+or+1=1--+HUNTER"]
COMMANDS = ["x --password HUNTER", "mysql -pHUNTER", "curl -u u:HUNTER http://h", "curl -H 'Authorization: Bearer HUNTER'"]
HEAD = "msg=audit(1795413600.%03d:%d):"


def sekisho(*args, stdin=None):
    return subprocess.run([SEKISHO, *args], input=stdin, capture_output=True, text=True, timeout=60)


def audit(i, command):
    head = HEAD % (i, i + 1)
    args = "".join(f" a{k}={w.encode().hex().upper()}" for k, w in enumerate(command.split()))
    title = command.replace(" ", "\0").encode().hex().upper()
    return (f"type=EXECVE {head} argc={len(command.split())}{args}\n"
            f"type=PROCTITLE {head} proctitle={title}\ntype=EOE {head}\n")


LOGS = {
    "json": "".join(T % (i, m) + "\n" for i, m in enumerate(MEMBERS)),
    "combined": "".join(f'203.0.113.7 - - [23/Nov/2026:06:00:00 +0000] "GET /?{q} HTTP/1.1" 200 1 "-" "x"\n' for q in QUERIES),
    "syslog": "".join(f"Nov 23 06:00:00 h sudo: bob : PWD=/home/bob ; COMMAND=/bin/{c}\n" for c in COMMANDS),
    "auditd": "".join(audit(i, c) for i, c in enumerate(COMMANDS)),
}


def is_clean(text):
    return "HUNTER" not in text and b"HUNTER".hex() not in text.lower()


@pytest.mark.parametrize("parser", LOGS)
def test_no_scan_shows_a_secret(parser):
    out = sekisho("scan", "--all", "--parser", parser, "-", stdin=LOGS[parser]).stdout
    assert "[masked:" in out
    for line in out.splitlines():
        assert is_clean(line), line
    assert parser != "syslog" or out.count("PWD=/home/bob") >= len(COMMANDS)


@pytest.mark.parametrize("parser", LOGS)
def test_neither_journal_nor_store_holds_one(agent, parser):
    agent.parser = parser
    (agent.logs / "a.log").write_text(LOGS[parser])
    agent.start()
    n = {"json": len(MEMBERS), "combined": len(QUERIES)}.get(parser, len(COMMANDS))
    rows = wait_for(lambda: (r := agent.query("SELECT body, attributes, detections FROM events_raw")) and len(r) >= n and r, "the events")
    for row in rows:
        assert is_clean(json.dumps(row)), row
    journalled = agent.run("journal", "export").stdout
    assert journalled.count("\n") >= n
    for line in journalled.splitlines():
        assert is_clean(line), line
