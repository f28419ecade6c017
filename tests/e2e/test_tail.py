"""No line is lost and none comes twice: rotation, truncation, kill -9, restarts."""
import gzip
import os
import random
import shutil
import signal
import threading
import time

import pytest
from conftest import wait_for


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def test_lines_arrive_once_and_audit_balances(agent):
    log = agent.logs / "a.log"
    append(log, "".join(f"line {i}\n" for i in range(5000)))
    agent.start()
    append(log, "".join(f"line {i}\n" for i in range(5000, 6000)))
    agent.wait_rows(6000)
    assert agent.bodies() == [f"line {i}" for i in range(6000)]
    audit = agent.run("audit")
    assert audit.returncode == 0, audit.stdout
    agent.stop()


def test_rename_rotation_while_running_and_while_down(agent):
    log = agent.logs / "a.log"
    append(log, "".join(f"one {i}\n" for i in range(100)))
    agent.start()
    agent.wait_rows(100)
    os.rename(log, agent.logs / "a.log.1")
    append(agent.logs / "a.log.1", "late line of the old file\n")
    append(log, "first of the new file\n")
    agent.wait_rows(102)
    agent.stop()
    # while nobody looks: two rotations, the older one compressed
    append(log, "two 0\n")
    os.rename(log, agent.logs / "a.log.2")
    append(log, "three 0\nthree 1\n")
    with open(agent.logs / "a.log.2", "rb") as f, gzip.open(agent.logs / "a.log.3.gz", "wb") as g:
        shutil.copyfileobj(f, g)
    os.unlink(agent.logs / "a.log.2")
    os.rename(log, agent.logs / "a.log.2")
    append(log, "four 0\n")
    agent.start()
    agent.wait_rows(106)
    assert sorted(agent.bodies()[102:]) == ["four 0", "three 0", "three 1", "two 0"]
    assert agent.query("SELECT count(*), count(DISTINCT id) FROM events") == [(106, 106)]
    agent.stop()


def take_inode(folder, inode):
    """A new empty file with that inode, which was just freed; None when the file system gives it to nobody."""
    others, found = [], None
    for i in range(2000):
        path = folder / f"other-{i}"
        path.touch()
        if path.stat().st_ino == inode:
            found = path
            break
        others.append(path)
    for path in others:
        path.unlink()
    return found


def test_the_new_log_has_the_inode_of_the_one_that_was_left(agent):
    """The file system gave it free: what was rotated away meanwhile must be looked for all the same."""
    log = agent.logs / "a.log"
    append(log, "one 0\n")
    agent.start()
    agent.wait_rows(1)
    agent.stop()
    append(log, "one 1\n")
    inode = log.stat().st_ino
    with open(log, "rb") as f, gzip.open(agent.logs / "a.log.2.gz", "wb") as g:
        shutil.copyfileobj(f, g)
    append(agent.logs / "a.log.1", "two 0\n")
    log.unlink()
    new = take_inode(agent.root, inode)
    if new is None:
        pytest.skip("this file system does not give a freed inode to the next file")
    new.rename(log)
    append(log, "three 0\n")
    agent.start()
    agent.wait_rows(4)
    assert sorted(agent.bodies()) == ["one 0", "one 1", "three 0", "two 0"]
    assert agent.query("SELECT what FROM ledger") == []
    agent.stop()


def test_copytruncate_is_noticed_and_reported(agent):
    log = agent.logs / "a.log"
    append(log, "".join(f"one {i}\n" for i in range(50)))
    agent.start()
    agent.wait_rows(50)
    shutil.copy(log, agent.root / "copy")
    os.truncate(log, 0)
    append(log, "after 0\nafter 1\n")
    agent.wait_rows(52)
    assert agent.bodies()[50:] == ["after 0", "after 1"]
    wait_for(lambda: agent.query("SELECT what FROM ledger") == [("truncated",)], "a ledger row about it")
    agent.stop()


@pytest.mark.parametrize("again", ["two 0\n", "one 0\n"], ids=["another head", "the same head"])
@pytest.mark.parametrize("late", [False, True], ids=["written before the start", "written after it"])
def test_copytruncate_while_down(agent, again, late):
    """The rest of what was left is in the copy, under the same name and inode is another log."""
    log = agent.logs / "a.log"
    append(log, "one 0\none 1\n")
    agent.files = str(log)
    agent.start()
    agent.wait_rows(2)
    agent.stop()
    append(log, "one 2\n")
    shutil.copy(log, agent.logs / "a.log.1")
    os.truncate(log, 0)
    if not late:
        append(log, again)
    agent.start()
    if late:
        agent.wait_rows(3)
        append(log, again)
    agent.wait_rows(4)
    assert sorted(agent.bodies()) == sorted(["one 0", "one 1", "one 2", again.strip()])
    agent.stop()


def test_odd_lines(agent):
    log = agent.logs / "a.log"
    with open(log, "wb") as f:
        f.write(b"plain\n")
        f.write(b"\xff\xfe not utf-8\n")
        f.write(b"with\0nul\n")
        f.write(b"x" * 300_000 + b"\n")
        f.write(b"\n")
        f.write(b"unfinished")
    agent.start()
    agent.wait_rows(5)
    rows = agent.query("SELECT body, attributes FROM events_raw ORDER BY seq")
    assert rows[0][0] == "plain"
    assert rows[1][0] == "\\xFF\\xFE not utf-8"
    assert rows[2][0] == "withnul" and '"sekisho.nul_bytes":1' in rows[2][1]
    assert len(rows[3][0]) == 65536 and '"sekisho.line.length":300000' in rows[3][1]
    assert rows[4][0] == ""
    append(log, " no more\n")
    agent.wait_rows(6)
    assert agent.bodies()[5] == "unfinished no more"
    agent.stop()


def test_file_that_appears_late_and_deleted_file(agent):
    agent.start()
    append(agent.logs / "new.log", "hello\n")
    agent.wait_rows(1)
    os.unlink(agent.logs / "new.log")
    append(agent.logs / "new.log", "another hello\n")
    agent.wait_rows(2)
    agent.stop()


def test_second_agent_waits_then_says_who_has_the_journal(agent):
    agent.start()
    import subprocess

    from conftest import SEKISHO

    p = subprocess.run([SEKISHO, "run", "-c", str(agent.config)], capture_output=True, text=True, timeout=60)
    assert p.returncode == 75
    assert str(agent.process.pid) in p.stderr
    agent.stop()


def put(path, first, last):
    with open(path, "a") as f:
        f.writelines(f"line {i:06d}\n" for i in range(first, last))


def test_two_rotations_while_nobody_looked_and_a_copy_that_is_none(agent):
    log = agent.logs / "a.log"
    put(log, 0, 100)
    agent.start()
    agent.wait_rows(100)
    shutil.copy(log, agent.logs / "a.log.bak")  # newer than what was read, and nothing new in it
    agent.process.send_signal(signal.SIGSTOP)
    for n in (1, 2, 3):
        os.rename(log, agent.logs / f"a.log.{n}")
        put(log, 100 * n, 100 * n + 100)
    put(agent.logs / "a.log.1", 400, 410)  # its writer has not noticed
    agent.process.send_signal(signal.SIGCONT)
    agent.wait_rows(410)
    put(agent.logs / "a.log.2", 410, 420)
    put(log, 420, 430)
    agent.wait_rows(430)
    os.rename(log, agent.logs / "a.log.4")  # and the copy is looked at again
    put(log, 430, 440)
    agent.wait_rows(440)
    assert sorted(agent.bodies()) == [f"line {i:06d}" for i in range(440)]
    assert agent.query("SELECT count(*) FROM ledger") == [(0,)]
    agent.kill()
    for n in (5, 6):  # nobody was there, and the last one was never seen
        os.rename(log, agent.logs / f"a.log.{n}")
        put(log, 100 * n, 100 * n + 10)
    agent.start()
    agent.wait_rows(460)
    assert len(set(agent.bodies())) == 460
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_kill_9_at_random_moments_under_rotation(agent):
    total = int(os.environ.get("KILL_LINES", "60000"))
    kills = int(os.environ.get("KILLS", "12"))
    log = agent.logs / "a.log"
    random.seed(int(os.environ.get("SEED", "1")))
    done = threading.Event()

    def write():
        n = 0
        f = open(log, "a")
        while n < total:
            for _ in range(200):
                f.write(f"{n:09d} {random.random()}\n")
                n += 1
            f.flush()
            if n % (total // 6) < 200 and n < total:
                f.close()
                os.rename(log, agent.logs / f"a.log.{n}")
                f = open(log, "a")
            time.sleep(0.002)
        f.close()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    agent.start(wait=False)
    agent.wait_rows(1)  # what was rotated away before anything was ever read is not promised
    agent.kill()
    for _ in range(kills):
        agent.start(wait=False)
        time.sleep(random.uniform(0.02, 0.5))
        agent.kill()
    agent.start()
    writer.join()
    agent.wait_rows(total)
    rows = agent.query("SELECT count(*), count(DISTINCT id), count(DISTINCT substr(body, 1, 9)) FROM events")
    assert rows == [(total, total, total)]
    assert agent.run("audit").returncode == 0
    agent.stop()
