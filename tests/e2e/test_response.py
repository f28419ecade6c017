"""Decisions: whom else a block would hit, and responses that the config asks for."""
import sqlite3

import pytest

from conftest import access_line, wait_for
from test_commands import RULE

BEHAVIOUR = """title: Refused again and again
name: t.refused
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000009
category: scanner
level: medium
logsource: {category: webserver}
detection:
  s: {sc-status: 403}
  condition: s
---
title: A client that is refused
name: t.client
id: 7b0fbb2b-8f1b-4f6f-9a43-000000000010
category: scanner
level: medium
correlation:
  type: event_count
  rules: [t.refused]
  group-by: [client.address, user_agent.original]
  timespan: 5m
  condition: {gte: 3}
"""
ATTACK = "/?q=1+UNION+ALL+SELECT+2"


def visit(user, addr, agent="Mozilla/5.0", status=200):
    return access_line(1, "/", addr, status, agent).replace(" - - ", f" - {user} ")


@pytest.fixture
def web(agent):
    (agent.root / "rules" / "r.yml").write_text(RULE)
    (agent.root / "rules" / "b.yml").write_text(BEHAVIOUR)
    agent.parser = "combined"
    return agent


def put(agent, *lines):
    with open(agent.logs / "a.log", "a") as f:
        f.write("".join(lines))


def alert(agent, addr, rule="t.union"):
    sql = f"SELECT action, effective, reason, collateral FROM alerts WHERE entity_value = '{addr}' AND rule = '{rule}'"
    return wait_for(lambda: agent.query(sql), f"an alert for {addr}")[0]


def test_an_address_that_many_share_is_not_blocked_even_after_a_restart(web):
    web.start()
    put(web, *[visit(f"user{i}", "203.0.113.9") for i in range(5)], visit("user1", "203.0.113.10"),
        *[visit(f"user{i}", "203.0.113.11", status=401) for i in range(5)],
        *[visit("-", "203.0.113.12", agent=f"Agent/{i}") for i in range(4)],
        # accounts count before agents, and nobody succeeds by attacking
        *[visit("one", "203.0.113.13", agent=f"Agent/{i}") for i in range(4)],
        *[access_line(1, ATTACK, "203.0.113.14", agent=f"Agent/{i}") for i in range(5)])
    web.wait_rows(24)
    web.kill()
    web.start()
    put(web, *[access_line(1, ATTACK, f"203.0.113.{i}") for i in range(9, 14)])
    assert alert(web, "203.0.113.9")[:2] == ("block", "notify") and alert(web, "203.0.113.9")[3] == 5
    assert "max_collateral" in alert(web, "203.0.113.9")[2]
    assert alert(web, "203.0.113.10") == ("block", "block", None, 1)
    assert alert(web, "203.0.113.11") == ("block", "block", None, None)
    assert alert(web, "203.0.113.12")[1:2] + alert(web, "203.0.113.12")[3:] == ("notify", 4)
    assert alert(web, "203.0.113.13") == ("block", "block", None, 1)
    assert alert(web, "203.0.113.14") == ("block", "block", None, None)
    web.wait_rows(4, "blocks")
    assert "203.0.113.9" not in web.run("blocks", "list").stdout
    assert "collateral: 5 accounts" in web.run("blocks", "explain", "203.0.113.9").stdout
    assert "unknown" in web.run("blocks", "explain", "203.0.113.99").stdout
    web.stop()


def test_a_checkpoint_keeps_who_succeeded(web):
    web.journal = "{dir: %s, max_size: 64MiB, segment_size: 1MiB, min_free: 1%%}" % (web.root / "journal")
    web.start()
    put(web, *[visit(f"user{i}", "203.0.113.9") for i in range(5)])
    web.wait_rows(5)
    import random
    for k in range(6):  # enough for new segments, whose checkpoints stand for what is gone
        put(web, *[access_line(1, "/" + random.randbytes(2000).hex(), "198.51.100.1") for _ in range(300)])
        web.wait_rows(5 + 300 * (k + 1))
    wait_for(lambda: not (web.root / "journal" / ("%020d.seg" % 1)).exists(), "the first segment is gone")
    web.kill()
    web.start()
    put(web, access_line(1, ATTACK, "203.0.113.9"))
    assert alert(web, "203.0.113.9")[1] == "notify"
    web.stop()


def test_a_client_is_blocked_by_its_address_unless_another_agent_succeeded_from_it(web):
    web.start()
    put(web, visit("-", "203.0.113.20", "curl/8"), visit("-", "203.0.113.21", "Mozilla/5.0"),
        *[access_line(1, "/", f"203.0.113.{a}", 403, "curl/8") for a in (20, 21) for _ in range(3)])
    assert alert(web, "203.0.113.20", "t.client")[1] == "block"
    assert alert(web, "203.0.113.21", "t.client")[1:3] == (
        "notify", "another user agent succeeded from this address in 24 h")
    web.stop()


def test_a_database_of_an_earlier_version_gets_the_new_columns(web):
    web.start()
    put(web, access_line(1, ATTACK, "203.0.113.9"))
    alert(web, "203.0.113.9")
    web.stop()
    db = sqlite3.connect(web.db)
    db.execute("ALTER TABLE alerts_raw DROP COLUMN collateral")
    db.commit()
    db.close()
    web.start()
    put(web, visit("one", "203.0.113.10"), access_line(1, ATTACK, "203.0.113.10"))
    assert alert(web, "203.0.113.10")[3] == 1
    assert alert(web, "203.0.113.9")[3] is None
    web.stop()


def test_a_response_is_chosen_by_a_tag_of_the_rule(web):
    for n, tag in ((1, "attack.t1190"), (2, "team.shop")):
        text = RULE.replace("t.union", f"t.tag{n}").replace("000000000001", f"0000000001{n:02}")
        text = text.replace("union\\b.{1,20}select", f"tag{n}").split("tests:")[0]
        (web.root / "rules" / f"tag{n}.yml").write_text(text.replace("level: high", f"level: high\ntags: [attack.recon, {tag}]"))
    web.response = "{mode: shadow, rules: [{tag: team.*, action: notify}, {tag: attack.t1190, rule: t.tag9, action: observe}]}"
    web.start()
    put(web, access_line(1, "/?q=tag1", "203.0.113.31"), access_line(1, "/?q=tag2", "203.0.113.32"),
        access_line(1, ATTACK, "203.0.113.33"))
    assert alert(web, "203.0.113.31", "t.tag1")[1] == "block"
    assert alert(web, "203.0.113.32", "t.tag2")[1] == "notify"
    assert alert(web, "203.0.113.33")[1] == "block"
    web.stop()
