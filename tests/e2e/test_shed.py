"""Sinks that stand still: what is skipped and shed is counted, detections are kept, sums balance."""
import random
import sqlite3
import time

from conftest import access_line, wait_for
from test_commands import RULE

ATTACK = "/?q=1+UNION+ALL+SELECT+2"


def put(agent, *lines):
    with open(agent.logs / "a.log", "a") as f:
        f.write("".join(lines))


def lanes(agent):
    """The sums of the sink, by lane."""
    return {lane["lane"]: lane for lane in agent.status()["sinks"][0]["lanes"]}


def stuck(agent):
    db = sqlite3.connect(agent.db, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    return db


def frames(agent):
    return agent.status()["events"]


def test_beyond_max_lag_events_are_skipped_and_detections_are_not(agent):
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.parser = "combined"
    agent.local = ", max_lag: 3s"
    agent.start()
    put(agent, access_line(1, "/first"))
    agent.wait_rows(1)
    db = stuck(agent)
    put(agent, *[access_line(i, "/old") for i in range(50)], access_line(1, ATTACK))
    wait_for(lambda: frames(agent) == 52, "the lines are journalled")
    began = time.monotonic()
    wait_for(lambda: "delivery failed" in (agent.root / "out").read_text(), "the sink gave up for now")
    wait_for(lambda: time.monotonic() - began > 4, "max_lag is over")
    put(agent, *[access_line(i, "/new") for i in range(10)])
    wait_for(lambda: frames(agent) == 62, "the lines are journalled")
    db.execute("ROLLBACK")
    db.close()
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE url_path = '/new'") == [(10,)], "new events")
    assert agent.query("SELECT count(*) FROM events WHERE url_path = '/old'") == [(0,)]
    assert agent.count("alerts") == 1
    assert agent.query("SELECT count(*) FROM detections") == [(1,)]
    wait_for(lambda: agent.run("audit").returncode == 0, "the sums balance: " + agent.run("audit").stdout)
    assert "50" in [w for line in agent.run("audit").stdout.splitlines() if "bulk" in line for w in line.split()]
    agent.stop()


def test_a_full_journal_sheds_events_and_keeps_detections(agent):
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.parser = "combined"
    agent.journal = "{dir: %s, max_size: 16MiB, segment_size: 1MiB, min_free: 1%%}" % (agent.root / "journal")
    agent.start()
    put(agent, access_line(1, "/first"))
    agent.wait_rows(1)
    db = stuck(agent)
    n = 1
    for k in range(30):
        put(agent, *[access_line(i, "/" + random.randbytes(800).hex()) for i in range(900)],
            access_line(1, ATTACK, f"198.51.100.{k}"))
        n += 901
        wait_for(lambda: frames(agent) == n, "the lines are journalled")
    size = sum(f.stat().st_blocks * 512 for f in (agent.root / "journal").glob("*.seg"))
    assert size <= 17 << 20
    db.execute("ROLLBACK")
    db.close()
    wait_for(lambda: agent.run("audit").returncode == 0 and agent.query("SELECT count(*) FROM detections") == [(30,)],
             "all detections arrive and the sums balance")
    assert agent.count("alerts") == 30
    kept = agent.count("events")
    assert 31 < kept < n
    put(agent, access_line(1, "/last"))
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE url_path = '/last'") == [(1,)], "it goes on")
    agent.stop()
    assert agent.run("journal", "verify").returncode == 0
