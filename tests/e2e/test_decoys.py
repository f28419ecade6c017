"""Paths and profiles that no screen links to: whoever comes there is told apart, also behind a shared address."""
import pathlib

from conftest import ROOT, access_line, wait_for

DECOYS = """decoys:
  paths: [/admin-old/, "/it's/a*b?"]
  profiles: ['4000001', ghost_1]
"""


def visit(path, user="-", addr="203.0.113.50", agent="Mozilla/5.0"):
    return access_line(1, path, addr, 200, agent).replace(" - - ", f" - {user} ")


def alerts(agent):
    return set(agent.query("SELECT rule, entity_type, entity_value FROM alerts"))


def test_a_visit_tells_the_account_behind_a_shared_address(agent):
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    agent.more = DECOYS
    agent.start()
    lines = [visit(f"/profiles/{i}", f"user{i}") for i in range(20)]
    lines += [visit("/profiles/4000001", "user7"), visit("/u/ghost_1/photos", "user8"), visit("/ADMIN-OLD/", "-", "203.0.113.51", "curl/8")]
    lines += [visit("/profiles/40000012"), visit("/admin-old/x"), visit("/it's/aXb"), visit("/profiles/ghost_2")]
    (agent.logs / "a.log").write_text("".join(lines))
    agent.wait_rows(len(lines))
    found = wait_for(lambda: len(alerts(agent)) >= 4 and alerts(agent), "the alerts")
    assert {(r, v) for r, t, v in found if t == "account"} == {("web.decoy.by-account", "user7"), ("web.decoy.by-account", "user8")}
    assert ("web.decoy.by-client", "client", "203.0.113.51") in found
    assert {r for r, _, _ in found} == {"web.decoy.by-account", "web.decoy.by-client"}
    actions = set(agent.query("SELECT action FROM alerts WHERE entity_type = 'account'"))
    assert actions == {("notify",)}


def test_what_is_no_decoy_is_refused_with_its_place(agent):
    agent.more = "decoys: {paths: [admin, '/a b'], profiles: ['1/2']}\n"
    agent.write_config()
    p = agent.run("check")
    text = p.stdout + p.stderr
    assert p.returncode != 0
    assert "decoys: 'admin' is no path" in text and "decoys: '/a b' is no path" in text and "'1/2' is no id" in text
    assert text.count(f"{pathlib.Path(agent.config).name}:") == 3
