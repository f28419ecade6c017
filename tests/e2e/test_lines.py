"""Where one event ends and the next begins: several lines by a start pattern, and a last line without its end."""
import json

import pytest

from conftest import wait_for

TRACE = """2026-11-23 06:00:00 ERROR failed
java.lang.IllegalStateException: no
\tat a.b.C.d(C.java:1)
Caused by: java.io.IOException
2026-11-23 06:00:01 INFO fine
2026-11-23 06:00:02 ERROR again
\tat x
"""


def spans(agent):
    """Bytes read, by the agent's own count."""
    return agent.status()["bytes_read"]


def test_an_event_begins_at_a_line_that_matches(agent):
    agent.inputs = f"""  - {{files: ["{agent.files}"], parser: raw, multiline: '^\\d{{4}}-\\d\\d-\\d\\d '}}"""
    agent.start()
    log = agent.logs / "a.log"
    log.write_text("a line before all\n" + TRACE)
    want = ["a line before all", *["\n".join(p) for p in (
        TRACE.splitlines()[:4], TRACE.splitlines()[4:5], TRACE.splitlines()[5:])]]
    wait_for(lambda: agent.bodies() == want, "the last one is closed after a while: " + repr(agent.bodies()))
    # what belongs to it came too late and is an event of its own; nothing is lost or told twice
    with open(log, "a") as f:
        f.write("\tat late\n2026-11-23 06:00:03 INFO next\n")
    want += ["\tat late", "2026-11-23 06:00:03 INFO next"]
    wait_for(lambda: agent.bodies() == want, "late lines")
    assert spans(agent) == log.stat().st_size
    agent.stop()


def test_an_open_event_survives_a_kill(agent):
    agent.inputs = f"""  - {{files: ["{agent.files}"], parser: raw, multiline: '^START'}}"""
    agent.start()
    log = agent.logs / "a.log"
    log.write_text("START 1\n one\nSTART 2\n two\n")
    wait_for(lambda: agent.bodies()[:1] == ["START 1\n one"], "the first is whole")
    agent.kill()
    with open(log, "a") as f:
        f.write(" three\nSTART 3\n")
    agent.start()
    wait_for(lambda: agent.bodies()[-1:] == ["START 3"], "all")
    assert agent.bodies() in (["START 1\n one", "START 2\n two\n three", "START 3"],
                              ["START 1\n one", "START 2\n two", " three", "START 3"])
    agent.stop()


def test_a_last_line_without_its_end_is_released_when_its_file_is_let_go(agent):
    """Half a minute after the last byte of a file that has no name any more, or another one."""
    agent.start()
    log = agent.logs / "a.log"
    other = agent.logs / "b.log"
    log.write_text("one\ntwo\nthr")
    other.write_text("uno\ndos")
    agent.wait_rows(3)
    assert sorted(agent.bodies()) == ["one", "two", "uno"]  # the rest may still be being written
    with open(log, "a") as f:
        f.write("ee\nfour")
    agent.wait_rows(4)
    log.unlink()
    other.rename(agent.logs / "b.1")
    other.write_text("new\n")
    # a file without any line end has no identity before it is let go
    short = agent.logs / "short.log"
    short.write_text("not one line end")
    (agent.logs / "empty.log").write_text("")
    wait_for(lambda: agent.status()["open_files"] >= 4, "they were seen")
    short.rename(agent.logs / "short.1")
    (agent.logs / "empty.log").unlink()
    want = ["dos", "four", "new", "not one line end", "one", "three", "two", "uno"]
    wait_for(lambda: sorted(agent.bodies()) == want, "the files are let go")
    rows = agent.query("SELECT body, attributes FROM events_raw")
    cut = {body for body, more in rows if json.loads(more or "{}").get("sekisho.unterminated")}
    assert cut == {"dos", "four", "not one line end"}
    assert agent.run("audit").returncode == 0
    agent.stop()


@pytest.mark.parametrize("hole", [100_000, 262_143, 262_144, 3_000_000])
def test_a_hole_before_a_line_takes_nothing_of_its_text(agent, hole):
    """A writer without O_APPEND goes on behind it when its log was truncated."""
    log = agent.logs / "a.log"
    daemon = open(log, "w")
    daemon.write("one\n")
    daemon.flush()
    agent.start()
    agent.wait_rows(1)
    daemon.write("\0" * hole + "two\nthree\n")
    daemon.write("\0" * hole + "x" * 300_000 + "\n" + "\0" * hole + "\n" + "last\n")
    daemon.close()
    agent.wait_rows(6)
    bodies = agent.bodies()
    assert bodies[:3] == ["one", "two", "three"] and bodies[3] == "x" * 65536 and bodies[4:] == ["", "last"]
    more = [json.loads(r[0] or "{}") for r in agent.query("SELECT attributes FROM events_raw ORDER BY seq")]
    assert [a.get("sekisho.nul_bytes") for a in more] == [None, hole, None, hole, hole, None]
    assert [a.get("sekisho.line.length") for a in more] == [None, None, None, hole + 300_000, None, None]
    assert spans(agent) == log.stat().st_size
    scan = agent.run("scan", "--all", "--parser", "raw", "--rules", agent.rules, str(log))
    found = [json.loads(x) for x in scan.stdout.splitlines()]
    assert [e["body"] for e in found] == bodies
    assert [e["attributes"].get("sekisho.nul_bytes") for e in found] == [None, hole, None, hole, hole, None]
    assert [e["id"] for e in found] == [r[0] for r in agent.query("SELECT id FROM events_raw ORDER BY seq")]
    agent.stop()
