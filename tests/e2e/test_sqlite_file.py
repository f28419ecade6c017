"""A database that is damaged, or removed while it is in use, costs the agent nothing but this sink, and no rows."""
import os

from conftest import wait_for


def append(agent, text):
    with open(agent.logs / "a.log", "a") as f:
        f.write(text)


def said(agent, text):
    return text in (agent.root / "out").read_text()


def test_a_damaged_database_is_no_reason_not_to_start(agent):
    append(agent, "one\n")
    agent.start()
    agent.wait_rows(1)
    agent.stop()
    agent.db.write_bytes(b"this was a database" * 500)
    agent.start()
    append(agent, "two\n")
    wait_for(lambda: said(agent, "file is not a database; move it away"), "the reason is told")
    wait_for(lambda: agent.status()["events"] == 1, "the agent goes on with everything else")
    assert "file is not a database" in agent.run("status").stdout
    os.rename(agent.db, agent.root / "broken.db")
    agent.wait_rows(2)
    assert agent.bodies() == ["one", "two"]  # of the first run as well: the journal had it
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_rows_are_not_written_into_a_database_that_was_removed(agent):
    append(agent, "one\n")
    agent.start()
    agent.wait_rows(1)
    for name in (agent.db, f"{agent.db}-wal", f"{agent.db}-shm"):
        if os.path.exists(name):
            os.remove(name)
    append(agent, "two\n")
    wait_for(lambda: said(agent, "was removed or replaced while it was in use"), "it is told")
    agent.stop()
    agent.start()
    agent.wait_rows(2)
    assert agent.bodies() == ["one", "two"]
    agent.stop()


def test_a_wrong_path_is_told_at_the_start(agent):
    agent.db = agent.root / "nowhere" / "x.db"
    agent.write_config()
    r = agent.run("run")
    assert r.returncode != 0 and f"{agent.db}: " in r.stderr and "can't start" in r.stderr
