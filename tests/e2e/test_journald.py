"""Entries of the systemd journal: read from files that systemd-journal-remote makes."""
import json
import os
import random
import subprocess
import threading
import time

import pytest

from conftest import ROOT, wait_for

REMOTE = "/lib/systemd/systemd-journal-remote"
pytestmark = pytest.mark.skipif(not os.path.exists(REMOTE), reason="systemd-journal-remote is not installed")
BOOT = "0123456789abcdef0123456789abcdef"


def entry(message, identifier="sshd", pid=7, unit="ssh.service", time_us=None, **more):
    """One entry in the journal's export format; bytes with control characters go in binary form."""
    now = time_us or int(time.time() * 1e6)
    fields = {
        "__REALTIME_TIMESTAMP": now,
        "__MONOTONIC_TIMESTAMP": now % 10**9,
        "_BOOT_ID": BOOT,
        "_HOSTNAME": "web1",
        "_UID": 0,
        "PRIORITY": 6,
        "SYSLOG_IDENTIFIER": identifier,
        "SYSLOG_PID": pid,
        "_SYSTEMD_UNIT": unit,
        "MESSAGE": message,
        **more,
    }
    out = b""
    for name, value in fields.items():
        if value is None:
            continue
        value = value if isinstance(value, bytes) else str(value).encode()
        if b"\n" in value or not value.isascii() or b"\0" in value:
            out += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
        else:
            out += name.encode() + b"=" + value + b"\n"
    return out + b"\n"


class Writer:
    """A journal file that grows while it is read."""

    def __init__(self, path):
        self.path = path
        self.p = subprocess.Popen([REMOTE, "-o", str(path), "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def put(self, *entries):
        self.p.stdin.write(b"".join(entries))
        self.p.stdin.flush()
        return self

    def close(self):
        self.p.stdin.close()
        assert self.p.wait(timeout=60) == 0


def write(path, entries):
    Writer(path).put(*entries).close()


@pytest.fixture
def journal(agent):
    agent.journal_dir = agent.root / "j"
    agent.journal_dir.mkdir()
    reads(agent)
    return agent.journal_dir


def reads(agent, more="", options="", others=""):
    agent.inputs = f"  - {{journald: {{dir: {agent.journal_dir}{more}}}{options}}}\n{others}"


def balanced(agent):
    audit = agent.run("audit")
    assert audit.returncode == 0, audit.stdout
    return audit.stdout


def test_ssh_brute_force_is_alerted_from_entries(agent, journal):
    agent.rules = str(ROOT / "rules")
    write(
        journal / "a.journal",
        [entry(f"Failed password for root from 203.0.113.9 port {4000 + i} ssh2", pid=100 + i) for i in range(8)]
        + [
            entry("alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "sudo", None, "x.scope", _PID=9, _UID=1000),
            entry("Accepted password for bob from 198.51.100.7 port 22 ssh2", _UID=1001),
        ],
    )
    agent.start()
    agent.wait_rows(10)
    agent.wait_rows(1, "alerts")
    assert agent.query("SELECT DISTINCT rule, entity_value FROM alerts") == [("auth.ssh.bruteforce", "203.0.113.9")]
    rows = agent.query(
        "SELECT process_name, user_name, client_address, client_provenance, severity_text, log_file_path,"
        " attributes FROM events_raw ORDER BY seq"
    )
    assert rows[0][:6] == ("sshd", "root", "203.0.113.9", "peer", "info", f"journald:{journal}")
    a = json.loads(rows[0][6])
    assert a["process.pid"] == 100 and a["syslog.hostname"] == "web1"
    assert a["sekisho.journald.cursor"].endswith(";i=1")
    a = json.loads(rows[8][6])
    assert rows[8][:2] == ("sudo", "alice") and a["process.command_line"] == "/bin/sh"
    assert a["process.pid"] == 9 and a["user.id"] == 1000
    # a user's process that speaks as sshd is not believed about addresses
    assert rows[9][2:4] == ("198.51.100.7", "claimed")
    # the lane is control: nothing of it may be shed
    status = agent.status()
    assert status["journal"]["bulk_records"] == 0 and status["events"] == 10
    balanced(agent)
    agent.stop()


def test_units_are_units_and_identifiers(agent, journal):
    reads(agent, ", units: [ssh.service, sudo]")
    write(
        journal / "a.journal",
        [
            entry("one", "sshd", 1, "ssh.service"),
            entry("two", "cron", 1, "cron.service"),
            entry("three", "sudo", 1, "session-1.scope"),
            entry("four", "ssh.service", 1, "other.service"),
            entry("five", "sftp", 1, "ssh.service"),
        ],
    )
    agent.start()
    agent.wait_rows(3)
    assert agent.bodies() == ["one", "three", "five"]
    out = balanced(agent)
    assert "read 3 = journalled 3 + duplicates 0" in out
    agent.stop()


def test_entries_written_while_running_and_new_files(agent, journal):
    w = Writer(journal / "a.journal").put(entry("first"))
    wait_for(lambda: (journal / "a.journal").exists(), "the journal file is there")
    agent.start()
    agent.wait_rows(1)
    for i in range(20):
        w.put(entry(f"more {i}"))
        agent.wait_rows(2 + i)
    # a file of another host, with entries older than what was read
    write(journal / "b.journal", [entry(f"old {i}", time_us=1_600_000_000_000_000 + i) for i in range(50)])
    agent.wait_rows(71)
    w.put(entry("last"))
    agent.wait_rows(72)
    w.close()
    assert agent.query("SELECT count(*), count(DISTINCT id), count(DISTINCT body) FROM events") == [(72, 72, 72)]
    balanced(agent)
    agent.stop()


def test_quiet_when_idle(agent, journal):
    write(journal / "a.journal", [entry("one")])
    agent.start()
    agent.wait_rows(1)

    def ticks():
        return sum(int(x) for x in open(f"/proc/{agent.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])

    before, t0 = ticks(), time.monotonic()
    wait_for(lambda: time.monotonic() - t0 > 2, "two seconds")
    assert ticks() - before <= 10  # of 200
    agent.stop()


def test_kill_9_and_restart_exactly_once(agent, journal):
    total = 6000
    random.seed(int(os.environ.get("SEED", "1")))
    writers = [Writer(journal / "a.journal"), Writer(journal / "b.journal")]

    def produce():
        for i in range(0, total, 20):
            for k, w in enumerate(writers):
                w.put(*(entry(f"{k} {n}", pid=n) for n in range(i, i + 20)))
            time.sleep(0.005)
        for w in writers:
            w.close()

    t = threading.Thread(target=produce)
    t.start()
    for _ in range(10):
        agent.start(wait=False)
        time.sleep(random.uniform(0.05, 0.4))
        agent.kill()
    agent.start()
    t.join()
    agent.wait_rows(2 * total)
    assert agent.query("SELECT count(*), count(DISTINCT id), count(DISTINCT body) FROM events") == [(2 * total,) * 3]
    assert agent.count("ledger") == 0
    balanced(agent)
    agent.stop()
    # and nothing comes again
    agent.start()
    assert agent.status()["events_read"] == 0
    assert agent.count() == 2 * total
    agent.stop()


def test_start_at_end_holds_once_and_for_all_rows(agent, journal):
    reads(agent, options=", start_at: end")
    a, b = Writer(journal / "a.journal"), Writer(journal / "b.journal")
    a.put(entry("old a"))
    b.put(entry("old b"))
    wait_for(lambda: all((journal / n).exists() for n in ("a.journal", "b.journal")), "both files are there")
    agent.start()
    assert agent.count() == 0
    a.put(entry("new a"))
    agent.wait_rows(1)
    agent.kill()
    b.put(entry("new b"))
    agent.start()
    agent.wait_rows(2)
    a.put(entry("last a"))
    agent.wait_rows(3)
    assert agent.bodies() == ["new a", "new b", "last a"]
    a.close()
    b.close()
    agent.stop()


def test_start_at_a_span(agent, journal):
    reads(agent, options=", start_at: 1h")
    now = int(time.time() * 1e6)
    write(journal / "a.journal", [entry(f"{h} h ago", time_us=now - h * 3_600_000_000 + 60_000_000) for h in (3, 2, 1, 0)])
    agent.start()
    agent.wait_rows(2)
    assert agent.bodies() == ["1 h ago", "0 h ago"]
    agent.stop()


def test_what_was_vacuumed_is_reported(agent, journal):
    write(journal / "a.journal", [entry(f"a {i}") for i in range(5)])
    agent.start()
    agent.wait_rows(5)
    agent.stop()
    os.unlink(journal / "a.journal")
    write(journal / "b.journal", [entry("b")])
    agent.start()
    agent.wait_rows(6)
    wait_for(
        lambda: agent.query("SELECT what, source FROM ledger") == [("gone", f"journald:{journal}")], "a ledger row"
    )
    agent.stop()
    agent.start()  # said once
    assert agent.count("ledger") == 1
    agent.stop()


def set_header(path, at, value):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(value.to_bytes(8, "little"))


def test_a_gap_behind_the_position_is_counted(agent, journal):
    write(journal / "a.journal", [entry(f"a {i}") for i in range(5)])
    agent.start()
    agent.wait_rows(5)
    agent.stop()
    set_header(journal / "a.journal", 168, 12)  # head_entry_seqnum: 6 to 11 are not there any more
    agent.start()
    wait_for(lambda: agent.query("SELECT what, lost_records FROM ledger") == [("vacuumed", 6)], "a ledger row")
    assert "possibly lost: 1 reports, 0 bytes known, 6 records at most" in balanced(agent)
    agent.stop()


def test_a_tail_that_is_not_there_moves_no_position(agent, journal):
    """A damaged header must not make the agent pass over what comes later."""
    reads(agent, ", units: [ssh.service]")
    write(journal / "a.journal", [entry(f"a {i}") for i in range(5)])
    set_header(journal / "a.journal", 160, 2**61)  # tail_entry_seqnum
    agent.start()
    agent.wait_rows(5)
    agent.stop()
    set_header(journal / "a.journal", 160, 5)
    write(journal / "a.journal", [entry(f"a {i}") for i in range(5, 10)])
    agent.start()
    agent.wait_rows(10)
    assert agent.bodies() == [f"a {i}" for i in range(10)]
    agent.stop()


def test_single_files(agent, journal):
    for name in "abc":
        write(journal / f"{name}.journal", [entry(name)])
    agent.inputs = f"  - journald: {{file: [{journal}/a.journal, {journal}/c.journal]}}"
    agent.start()
    agent.wait_rows(2)
    assert sorted(agent.bodies()) == ["a", "c"]
    write(journal / "c.journal", [entry("more")])
    agent.wait_rows(3)
    agent.stop()


def test_odd_entries(agent, journal):
    write(
        journal / "a.journal",
        [
            entry(b"two\nlines and \xff and \0 nul"),
            entry("x" * 200_000),
            entry("a" * 300 + "".join(random.choices("abcdefgh", k=70_000))),
            entry(None, "nomessage"),
            entry("no name", None, None, _COMM="daemon", _PID=5, _EXE="/usr/bin/daemon"),
            entry("odd", "y" * 5000, "12x", PRIORITY="emergency", _UID="-1", SYSLOG_FACILITY="99"),
            entry("late", _SOURCE_REALTIME_TIMESTAMP=1_700_000_000_000_000),
            entry("ahead", _SOURCE_REALTIME_TIMESTAMP=4_000_000_000_000_000),
        ],
    )
    agent.start()
    agent.wait_rows(8)
    rows = agent.query("SELECT body, attributes, process_name, time FROM events_raw ORDER BY seq")
    assert rows[0][0] == "two\nlines and \\xFF and \\x00 nul"
    assert len(rows[1][0]) == 65536 and '"sekisho.line.length":200000' in rows[1][1]
    assert len(rows[2][0]) == 65536 and '"sekisho.line.length":70300' in rows[2][1]
    assert rows[3][0] == "" and rows[3][2] == "nomessage"
    assert rows[4][2] == "daemon" and json.loads(rows[4][1])["process.executable.path"] == "/usr/bin/daemon"
    assert len(rows[5][2]) == 1024 and "process.pid" not in json.loads(rows[5][1])
    assert str(rows[6][3]).startswith("2023-11-14")
    assert '"sekisho.time.replaced":"ahead"' in rows[7][1]
    balanced(agent)
    agent.stop()


def test_damaged_and_cut_files_do_not_end_the_agent(agent, journal):
    write(journal / "a.journal", [entry(f"a {i} " + "x" * 500) for i in range(2000)])
    good = (journal / "a.journal").read_bytes()
    random.seed(5)
    for n in range(6):
        bad = bytearray(good)
        for _ in range(400):
            bad[random.randrange(272 if n < 3 else 0, len(good))] = random.randrange(256)
        (journal / f"bad{n}.journal").write_bytes(bad)
    (journal / "short.journal").write_bytes(good[: len(good) // 3])
    (journal / "empty.journal").write_bytes(b"")
    (journal / "text.journal").write_bytes(b"not a journal\n" * 1000)
    w = Writer(journal / "z.journal").put(*(entry(f"z {i} " + "y" * 500) for i in range(3000)))
    agent.start()
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE body LIKE 'z %'") == [(3000,)], "all of the good file")
    # cut under the reader's mapping, then another file goes on growing
    os.truncate(journal / "a.journal", 4096)
    for i in range(3000, 3100):
        w.put(entry(f"z {i} "))
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE body LIKE 'z %'") == [(3100,)], "what came later")
    assert agent.query("SELECT count(*) - count(DISTINCT id) FROM events") == [(0,)]
    w.close()
    balanced(agent)
    agent.stop()


def syslog_line(message, program="sshd", pid=7, host="web1"):
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
    tag = f"{program}[{pid}]" if pid else program
    return f"{stamp} {host} {tag}: {message}\n"


def test_messages_of_both_journald_and_a_file_count_once(agent, journal):
    auth = agent.logs / "auth.log"
    reads(agent, others=f"  - {{files: [{auth}], parser: syslog}}")
    agent.rules = str(ROOT / "rules")
    w = Writer(journal / "a.journal")
    w.put(entry("only here"))
    wait_for(lambda: (journal / "a.journal").exists(), "the journal file is there")
    auth.write_text(syslog_line("only in the file"))
    agent.start()
    agent.wait_rows(2)

    def both(message, journald_first, program="sshd", pid=7, **more):
        def put_entry():
            w.put(entry(message, program, pid, **more))

        def put_line():
            with open(auth, "a") as f:
                f.write(syslog_line(message, program, pid))

        read = agent.status()["events_read"]
        for put in (put_entry, put_line) if journald_first else (put_line, put_entry):
            put()
            read += 1
            wait_for(lambda: agent.status()["events_read"] >= read, "it is read")

    for i in range(4):  # four failures are not yet brute force, eight would be
        both(f"Failed password for root from 203.0.113.9 port {i + 1} ssh2", i % 2 == 0)
    for _ in range(3):  # the same text three times is three events
        both("the very same", True)
    both("eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", False, "sudo", None, _PID=77)
    agent.wait_rows(10)
    wait_for(lambda: agent.status()["duplicates_dropped"] == 8, "eight copies")
    assert "read 18 = journalled 10 + duplicates 8 + waiting 0" in balanced(agent)
    assert agent.count() == 10 and agent.count("alerts") == 0
    # other pids, other hosts and other times are other messages
    w.put(entry("not the same", pid=1), entry("elsewhere"), entry("long ago", time_us=int(time.time() * 1e6) - 10_000_000))
    with open(auth, "a") as f:
        f.write(syslog_line("not the same", pid=2) + syslog_line("elsewhere", host="web2") + syslog_line("long ago"))
    agent.wait_rows(16)
    assert agent.status()["duplicates_dropped"] == 8
    # a dropped copy moved its position: after a restart it is not read again
    agent.kill()
    agent.start()
    w.put(entry("after"))
    agent.wait_rows(17)
    assert agent.status()["events_read"] == 1
    w.close()
    balanced(agent)
    agent.stop()


def test_a_host_without_journald_says_so_and_reads_on(agent):
    agent.inputs = f"  - {{journald: {{dir: {agent.root}/none}}}}\n{agent.file_input()}"
    (agent.logs / "a.log").write_text("from a file\n")
    agent.start()
    agent.wait_rows(1)
    assert "journald can't be read; the other inputs go on" in (agent.root / "out").read_text()
    agent.stop()


@pytest.mark.skipif(
    any(os.path.isdir(d) and os.listdir(d) for d in ("/run/log/journal", "/var/log/journal")),
    reason="this host has a journal",
)
def test_the_hosts_own_journal_where_there_is_none(agent):
    agent.inputs = f"  - {{journald: {{}}}}\n{agent.file_input()}"
    (agent.logs / "a.log").write_text("from a file\n")
    agent.start()
    agent.wait_rows(1)
    assert "does journald run on this host" in (agent.root / "out").read_text()
    agent.stop()
