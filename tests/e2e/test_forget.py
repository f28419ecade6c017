"""`journal forget`: what waits for a sink is given up, counted as shed and told in the ledger, once, whatever is killed."""
import re
import sqlite3
import subprocess


from conftest import SEKISHO, wait_for
from test_audit_since import both, now, sums
from test_google import distinct, use, write_lines


def down(agent, google, n):
    google.faults = [("events", (503, "UNAVAILABLE"))] * 10000
    use(agent, google.url)
    write_lines(agent, n)
    agent.start()
    agent.wait_rows(n)
    wait_for(lambda: both(sums(agent), "far", "waiting") == n, "all of it waits")


def ledger(agent):
    return agent.query("SELECT source, lost_records FROM ledger WHERE what = 'forgotten'")


def test_what_waits_is_given_up_and_the_sums_hold(agent, google):
    down(agent, google, 100)
    t = now(agent)
    write_lines(agent, 30, first=100)
    agent.wait_rows(130)
    wait_for(lambda: both(sums(agent), "far", "waiting") == 130, "these wait, too")
    out = agent.run("journal", "forget", "--sink", "far", "--until", t)
    assert (out.returncode, out.stdout) == (0, "far: 100 records are forgotten (control 0, bulk 100)\n"), out
    s = sums(agent)
    assert both(s, "far", "shed") == 100 and both(s, "far", "waiting") >= 30
    wait_for(lambda: ledger(agent) == [("far", 100)], "the ledger's row")
    google.faults = []
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 30, "what came later is delivered")
    assert {r["url_path"] for r in google.rows("sekisho-events")} == {f"/ok{i}" for i in range(100, 130)}
    wait_for(lambda: both(sums(agent), "far", "waiting") == 0, "nothing waits")
    assert both(sums(agent, "--since", t), "far", "shed") == 100
    assert "0 records are forgotten" in agent.run("journal", "forget", "--sink", "far").stdout
    agent.kill()
    agent.start()
    assert both(sums(agent), "far", "shed") == 100 and ledger(agent) == [("far", 100)]
    agent.stop()


def test_a_kill_at_any_moment_forgets_all_of_it_or_nothing(agent, google):
    down(agent, google, 50)
    forgotten = 0
    for i in range(8):
        p = subprocess.Popen([SEKISHO, "journal", "forget", "-c", str(agent.config), "--sink", "far"])
        if i % 2:
            p.wait()
        agent.kill()
        p.wait()
        agent.start()
        s = sums(agent)
        assert both(s, "far", "shed") in (forgotten, forgotten + both(s, "far", "journalled") - forgotten), s
        forgotten = both(s, "far", "shed")
        assert both(s, "far", "shed") + both(s, "far", "waiting") + both(s, "far", "delivered") == both(s, "far", "journalled")
        write_lines(agent, 10, first=50 + 10 * i)
        agent.wait_rows(60 + 10 * i)
        wait_for(lambda: sum(n for _, n in ledger(agent)) == forgotten, "the ledger has them, once")
    assert forgotten >= 50
    agent.stop()


def test_a_sink_that_keeps_its_own_place(agent):
    agent.sinks["gone"] = f"type: file, path: '{agent.root}/lake'"
    agent.parser = "combined"
    write_lines(agent, 20)
    agent.start()
    agent.wait_rows(20)
    wait_for(lambda: both(sums(agent), "gone", "waiting") == 0, "all is delivered")
    assert "0 records" in agent.run("journal", "forget", "--sink", "local").stdout
    assert agent.run("journal", "forget", "--sink", "gone").returncode == 0
    agent.stop()


def test_what_can_not_be_forgotten_is_said(agent, google):
    down(agent, google, 5)
    for args, text in (([], "needs --sink"), (["--sink", "fra"], "there is no sink 'fra'"), (["--sink", "far", "--until", "soon"], "--until: expected"), (["--sink", "far", "--gzip"], "options of export")):
        out = agent.run("journal", "forget", *args)
        assert out.returncode == 64 and text in out.stderr, out
    agent.kill()
    out = agent.run("journal", "forget", "--sink", "far")
    assert out.returncode == 69 and "is the agent running?" in out.stderr, out
    google.faults = []
    agent.start()
    wait_for(lambda: both(sums(agent), "far", "delivered") == 5, "delivered")
    agent.stop()
    del agent.sinks["far"]
    agent.start()
    assert (agent.root / "journal" / "far.cursor").exists()
    out = agent.run("journal", "forget", "--sink", "far")
    assert out.returncode == 0 and re.search("no such sink any more", out.stdout) and not (agent.root / "journal" / "far.cursor").exists()
    agent.stop()


def test_a_sink_that_can_t_store_the_place_forgets_nothing(agent):
    (agent.logs / "a.log").write_text("one\n")
    agent.start()
    agent.wait_rows(1)
    db = sqlite3.connect(agent.db, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    with open(agent.logs / "a.log", "a") as f:
        f.write("two\n")
    wait_for(lambda: both(sums(agent), "local", "waiting") == 1, "the second waits")
    out = agent.run("journal", "forget", "--sink", "local")
    assert out.returncode == 1 and out.stdout.endswith(": database is locked\n"), out
    assert out.stdout.count("local: nothing is forgotten: the place could not be stored: ") == out.stdout.count("stored") == 1, out
    db.execute("ROLLBACK")
    agent.wait_rows(2)
    assert "0 records are forgotten" in agent.run("journal", "forget", "--sink", "local").stdout
    agent.stop()
