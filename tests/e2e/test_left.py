"""Logs that were left somewhere, not read to their end: nothing of them is lost, and nothing comes twice."""
import gzip
import os
import shutil

from conftest import wait_for


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def follow(agent, *lines, files=None):
    """An agent that has read these lines of a.log."""
    log = agent.logs / "a.log"
    append(log, "".join(f"{x}\n" for x in lines))
    agent.files = files or str(log)
    agent.start()
    agent.wait_rows(len(lines))
    return log


def compress(log, to):
    with open(log, "rb") as f, gzip.open(to, "wb") as g:
        shutil.copyfileobj(f, g)


def reports(agent):
    return [r[0] for r in agent.query("SELECT what FROM ledger ORDER BY time")]


def test_the_old_log_is_written_after_the_new_one_was_read(agent):
    """The agent ends right after a rotation, before the daemon opens its log anew."""
    log = follow(agent, "one 0")
    daemon = open(log, "a")
    os.rename(log, f"{log}.1")
    append(log, "two 0\n")
    agent.wait_rows(2)
    agent.stop()
    daemon.write("one 1\n")
    daemon.close()
    agent.start()
    agent.wait_rows(3)
    append(log, "two 1\n")
    agent.wait_rows(4)
    assert sorted(agent.bodies()) == ["one 0", "one 1", "two 0", "two 1"]
    agent.stop()


def test_a_backlog_under_rotation_survives_kills(agent):
    log = agent.logs / "a.log"
    agent.files = str(log)
    lines = [f"{k} {i}" for k in range(3) for i in range(60000)]
    append(log, "".join(f"{x}\n" for x in lines[:60000]))
    agent.start()
    for k in (1, 2):
        append(log, "".join(f"{x}\n" for x in lines[60000 * k:60000 * (k + 1)][:30000]))
        for n in range(k, 0, -1):
            os.rename(f"{log}.{n - 1}" if n > 1 else log, f"{log}.{n}")
        append(log, "".join(f"{x}\n" for x in lines[60000 * k:60000 * (k + 1)][30000:]))
        agent.kill()
        agent.start(wait=False)
    agent.wait_rows(len(lines))
    assert sorted(agent.bodies()) == sorted(lines)
    agent.stop()


def test_what_is_read_to_its_end_is_not_read_again(agent):
    log = follow(agent, "one 0", "one 1")
    for k in range(3):
        compress(log, f"{log}.{k + 1}.gz")
        os.unlink(log)
        append(log, f"new {k}\n")
        agent.wait_rows(3 + k)
        agent.stop()
        agent.start()
    append(log, "last\n")
    agent.wait_rows(6)
    assert sorted(agent.bodies()) == ["last", "new 0", "new 1", "new 2", "one 0", "one 1"]
    agent.stop()


def test_the_log_is_not_there_at_the_start(agent):
    log = follow(agent, "one 0")
    agent.stop()
    append(log, "one 1\none 2\n")
    compress(log, f"{log}.1.gz")
    os.unlink(log)
    agent.start()
    agent.wait_rows(3)
    append(log, "two 0\n")
    agent.wait_rows(4)
    assert agent.bodies() == ["one 0", "one 1", "one 2", "two 0"]
    assert reports(agent) == []
    agent.stop()


def test_a_log_that_was_deleted_while_down_is_reported(agent):
    log = follow(agent, "one 0")
    agent.stop()
    os.unlink(log)
    agent.start()
    wait_for(lambda: reports(agent) == ["gone"], "the report")
    append(log, "two 0\n")
    agent.wait_rows(2)
    agent.stop()


def test_a_rotated_log_is_written_long_after(agent):
    log = follow(agent, "one 0")
    daemon = open(log, "a")
    os.rename(log, f"{log}.1")
    append(log, "two 0\n")
    agent.wait_rows(2)
    fds = f"/proc/{agent.process.pid}/fd"
    wait_for(lambda: f"{log}.1" not in [os.readlink(f"{fds}/{x}") for x in os.listdir(fds) if os.path.lexists(f"{fds}/{x}")],
             "the old log is let go")
    daemon.write("one 1\n")
    daemon.flush()
    agent.wait_rows(3)
    assert agent.bodies() == ["one 0", "two 0", "one 1"]
    agent.stop()


def test_a_copy_before_a_truncation_is_not_read_as_a_log_of_its_own(agent):
    log = follow(agent, *[f"one {i}" for i in range(100)], files=str(agent.logs / "a.log*"))
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "two 0\n")
    agent.wait_rows(101)
    agent.stop()
    agent.start()
    append(log, "two 1\n")
    agent.wait_rows(102)
    assert sorted(agent.bodies()) == sorted([f"one {i}" for i in range(100)] + ["two 0", "two 1"])
    agent.stop()


def test_truncated_and_filled_again_with_the_same_beginning(agent):
    first = [f"line {i}" for i in range(11)]
    log = follow(agent, *first)
    os.truncate(log, 0)
    wait_for(lambda: reports(agent) == ["truncated"], "the report")
    again = [f"line {i}" for i in range(21)]
    append(log, "".join(f"{x}\n" for x in again))
    agent.wait_rows(32)
    assert agent.bodies() == first + again
    agent.stop()


def test_short_lines_come_at_once(agent):
    log = follow(agent, "first")
    append(log, "\n" * 50000 + "7\n" * 50000)
    agent.wait_rows(100001)
    agent.stop()


def test_more_files_than_can_be_followed_are_reported(agent):
    for i in range(4100):
        append(agent.logs / f"{i}.log", f"of {i}\n")
    agent.start()
    agent.wait_rows(4096)
    wait_for(lambda: "crowded" in reports(agent), "the report")
    agent.stop()


def test_a_pattern_of_folders_is_refused_where_it_stands(agent):
    agent.files = f"{agent.logs}/*/a.log"
    agent.write_config()
    check = agent.run("check")
    assert check.returncode == 78
    assert f"{agent.config}:3:" in check.stderr and "a pattern can stand only behind the last '/'" in check.stderr
