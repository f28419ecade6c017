"""Logs that were left somewhere, not read to their end: nothing of them is lost, and nothing comes twice."""
import gzip
import os
import shutil
import signal
import time

import pytest

from conftest import wait_for


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def holds(agent, path):
    """Is that file open in the agent?"""
    for fd in os.listdir(f"/proc/{agent.process.pid}/fd"):
        try:
            if os.readlink(f"/proc/{agent.process.pid}/fd/{fd}") == str(path):
                return True
        except FileNotFoundError:  # closed meanwhile
            pass
    return False


def follow(agent, *lines, files=None):
    """An agent that has read these lines of a.log."""
    log = agent.logs / "a.log"
    append(log, "".join(f"{x}\n" for x in lines))
    agent.files = files or str(log)
    agent.start()
    agent.wait_rows(len(lines))
    return log


def rotate_under(agent, log):
    """After it the daemon still writes to the old log, of which the returned file is; the new one is read."""
    daemon = open(log, "a")
    os.rename(log, f"{log}.1")
    append(log, "two 0\n")
    agent.wait_rows(2)
    return daemon


def compress(log, to):
    with open(log, "rb") as f, gzip.open(to, "wb") as g:
        shutil.copyfileobj(f, g)


def stop_still(agent):
    agent.process.send_signal(signal.SIGSTOP)
    tasks = f"/proc/{agent.process.pid}/task"
    wait_for(lambda: all(open(f"{tasks}/{x}/stat").read().rsplit(")", 1)[1].split()[0] == "T" for x in os.listdir(tasks)), "it stands still")


def reports(agent):
    return [r[0] for r in agent.query("SELECT what FROM ledger ORDER BY time")]


def test_the_old_log_is_written_after_the_new_one_was_read(agent):
    """The agent ends right after a rotation, before the daemon opens its log anew."""
    log = follow(agent, "one 0")
    daemon = rotate_under(agent, log)
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
    daemon = rotate_under(agent, log)
    wait_for(lambda: not holds(agent, f"{log}.1"), "the old log is let go")
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


def rotate(log):
    """The usual way: each copy one further, from the second on compressed."""
    for n in range(9, 1, -1):
        if os.path.exists(f"{log}.{n - 1}.gz"):
            os.rename(f"{log}.{n - 1}.gz", f"{log}.{n}.gz")
    if os.path.exists(f"{log}.1"):
        compress(f"{log}.1", f"{log}.2.gz")
        os.unlink(f"{log}.1")
    os.rename(log, f"{log}.1")


@pytest.mark.parametrize("delay", [True, False], ids=["the newest copy is plain", "all copies are compressed"])
@pytest.mark.parametrize("still", [True, False], ids=["it stands still", "it looks while that happens"])
def test_rotated_and_compressed_faster_than_the_agent_looks(agent, delay, still):
    log = follow(agent, "one 0")
    if still:
        stop_still(agent)
    append(log, "one 1\n")
    for k in ("two", "three"):
        rotate(log)
        append(log, f"{k} 0\n{k} 1\n")
    rotate(log)
    if not delay:
        compress(f"{log}.1", f"{log}.1.gz")
        os.unlink(f"{log}.1")
    append(log, "four 0\n")
    agent.process.send_signal(signal.SIGCONT)
    agent.wait_rows(7)
    append(log, "four 1\n")
    agent.wait_rows(8)
    agent.stop()
    agent.start()
    append(log, "four 2\n")
    agent.wait_rows(9)
    assert sorted(agent.bodies()) == sorted(
        ["one 0", "one 1", "two 0", "two 1", "three 0", "three 1", "four 0", "four 1", "four 2"])
    assert reports(agent) == []
    agent.stop()


@pytest.mark.parametrize("running", [True, False])
def test_a_copy_that_is_being_compressed_is_waited_for(agent, running):
    log = follow(agent, "one 0")
    if running:
        stop_still(agent)
    else:
        agent.stop()
    lines = [f"two {i} {os.urandom(20).hex()}" for i in range(20000)]
    os.rename(log, f"{log}.1")
    append(log, "".join(f"{x}\n" for x in lines))
    compress(log, agent.root / "whole.gz")
    os.unlink(log)
    whole = (agent.root / "whole.gz").read_bytes()
    gz = agent.logs / "a.log.2.gz"
    gz.write_bytes(whole[:len(whole) // 2])
    append(log, "three 0\n")
    if running:
        agent.process.send_signal(signal.SIGCONT)
    else:
        agent.start()
    agent.wait_rows(5000)
    with open(gz, "ab") as f:
        f.write(whole[len(whole) // 2:])
    agent.wait_rows(20002)
    assert sorted(agent.bodies()) == sorted(["one 0", *lines, "three 0"])
    assert reports(agent) == []
    agent.stop()


def test_a_copy_that_is_being_compressed_beside_its_log(agent):
    """The rest is read from the log that is still there; of the compressed one nothing, half or whole."""
    log = follow(agent, *[f"one {i} {os.urandom(20).hex()}" for i in range(20000)])
    agent.stop()
    append(log, "one last\n")
    compress(log, agent.root / "whole.gz")
    whole = (agent.root / "whole.gz").read_bytes()
    os.rename(log, f"{log}.1")
    gz = agent.logs / "a.log.1.gz"
    gz.write_bytes(whole[:len(whole) // 2])
    append(log, "two 0\n")
    agent.start()
    agent.wait_rows(20002)
    gz.write_bytes(whole)
    os.unlink(f"{log}.1")
    append(log, "two 1\n")
    agent.wait_rows(20003)
    agent.stop()
    agent.start()
    append(log, "two 2\n")
    agent.wait_rows(20004)
    assert agent.query("SELECT count(DISTINCT body) FROM events_raw") == [(20004,)]
    assert reports(agent) == []
    agent.stop()


@pytest.mark.parametrize("read", [False, True], ids=["what is there is new", "what is there was read"])
def test_a_compressed_copy_that_stays_cut_is_reported(agent, read):
    lines = [f"one {i} {os.urandom(20).hex()}" for i in range(20000)]
    log = follow(agent, *(lines if read else ["zero"]))
    agent.stop()
    n = agent.count()
    if not read:
        os.unlink(log)
        append(log, "".join(f"{x}\n" for x in lines))
    append(log, "one last\n")
    compress(log, f"{log}.1.gz")
    os.truncate(f"{log}.1.gz", os.path.getsize(f"{log}.1.gz") // 2)
    os.unlink(log)
    append(log, "two 0\n")
    agent.start()
    wait_for(lambda: "unreadable" in reports(agent), "the report")
    agent.wait_rows(n + (1 if read else 5000))
    bodies = agent.bodies()
    assert len(set(bodies)) == len(bodies) and "one last" not in bodies and "two 0" in bodies
    agent.stop()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside the link", "in a folder of its own"])
def test_a_link_is_turned_while_the_agent_is_down(agent, elsewhere):
    """The rest of what it led to is still there, under a name that no pattern has."""
    folder = agent.logs / "kept" if elsewhere else agent.logs
    folder.mkdir(exist_ok=True)
    link = agent.logs / "a.log"
    (folder / "day-1").touch()
    link.symlink_to(folder / "day-1")
    follow(agent, "one 0")
    agent.stop()
    append(link, "one 1\none 2\n")
    append(folder / "day-0", "zero\n")
    append(folder / "day-2", "two 0\n")
    link.unlink()
    link.symlink_to(folder / "day-2")
    agent.start()
    agent.wait_rows(4)
    append(link, "two 1\n")
    agent.wait_rows(5)
    agent.stop()
    agent.start()
    append(link, "two 2\n")
    agent.wait_rows(6)
    assert agent.bodies() == ["one 0", "one 1", "one 2", "two 0", "two 1", "two 2"]
    assert reports(agent) == []
    agent.stop()


GLOBS = pytest.mark.parametrize("star", ["", "*"], ids=["its own pattern", "the copy is of the pattern"])


@GLOBS
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed at once"])
def test_copied_and_truncated_before_the_agent_looks(agent, star, packed):
    """Only the copy has what was written last."""
    log = follow(agent, *[f"one {i}" for i in range(100)], files=f"{agent.logs}/a.log{star}")
    stop_still(agent)
    append(log, "".join(f"one {i}\n" for i in range(100, 150)))
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "two 0\n")
    if packed:
        compress(f"{log}.1", f"{log}.1.gz")
        os.unlink(f"{log}.1")
    agent.process.send_signal(signal.SIGCONT)
    agent.wait_rows(151)
    append(log, "two 1\n")
    agent.wait_rows(152)
    agent.stop()
    agent.start()
    append(log, "two 2\n")
    agent.wait_rows(153)
    assert sorted(agent.bodies()) == sorted([f"one {i}" for i in range(150)] + [f"two {i}" for i in range(3)])
    assert reports(agent) == ["truncated"]
    assert agent.run("audit").returncode == 0
    agent.stop()


@GLOBS
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "all but the newest copy are compressed"])
@pytest.mark.parametrize("still", [True, False], ids=["it stands still", "it looks while that happens"])
def test_copied_and_truncated_three_times(agent, star, packed, still):
    log = follow(agent, "zero 0", files=f"{agent.logs}/a.log{star}")
    if still:
        stop_still(agent)
    append(log, "zero 1\n")
    lines = ["zero 0", "zero 1"]
    for name in ("one", "two", "three"):
        for n in range(4, 0, -1):
            for end in ("", ".gz"):
                if os.path.exists(f"{log}.{n}{end}"):
                    os.rename(f"{log}.{n}{end}", f"{log}.{n + 1}{end}")
        if packed and os.path.exists(f"{log}.2"):
            compress(f"{log}.2", f"{log}.2.gz")
            os.unlink(f"{log}.2")
        shutil.copy(log, f"{log}.1")
        os.truncate(log, 0)
        new = [f"{name} {i}" for i in range(50)]
        append(log, "".join(f"{x}\n" for x in new))
        lines += new
    agent.process.send_signal(signal.SIGCONT)
    wait_for(lambda: set(agent.bodies()) == set(lines), "all lines")
    agent.stop()
    agent.start()
    append(log, "end\n")
    wait_for(lambda: set(agent.bodies()) == {*lines, "end"}, "the last line")
    if still:  # else some may come twice: what is copied while it is read is hard to tell from a log of its own
        assert sorted(agent.bodies()) == sorted([*lines, "end"])
    assert set(reports(agent)) <= {"truncated", "rewritten"}
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_a_copy_that_takes_its_time_is_not_a_log(agent):
    """The agent looks at it when it is empty, has half a line, some lines, and all."""
    lines = [f"one {i}" for i in range(100)]
    log = follow(agent, *lines, files=f"{agent.logs}/a.log*")
    with open(f"{log}.1", "w") as copy:
        wait_for(lambda: holds(agent, copy.name), "it is seen while it is empty")
        for to in (3, 50, 300, None):
            copy.write(log.read_text()[copy.tell() : to])
            copy.flush()
            lines.append(f"one {len(lines)}")
            append(log, lines[-1] + "\n")
            agent.wait_rows(len(lines))  # what happened before has been looked at by then
        copy.write(log.read_text()[copy.tell() :])
    os.truncate(log, 0)
    for i in range(2):
        lines.append(f"two {i}")
        append(log, lines[-1] + "\n")
        agent.wait_rows(len(lines))
        agent.stop()
        agent.start()
    assert sorted(agent.bodies()) == sorted(lines)
    assert reports(agent) == ["truncated"]
    agent.stop()


def test_a_log_that_begins_like_another_is_read(agent):
    """Its head is the same, and so is all that the other one has."""
    log = follow(agent, "#Fields: a b", files=f"{agent.logs}/a.log*")
    new = agent.logs / "a.log-2"
    append(new, "#Fields: a b\n")
    wait_for(lambda: holds(agent, new), "it is seen")
    append(new, "1 2\n")
    agent.wait_rows(3)
    append(log, "3 4\n")
    agent.wait_rows(4)
    assert sorted(agent.bodies()) == sorted(["#Fields: a b", "#Fields: a b", "1 2", "3 4"])
    agent.stop()


def test_a_log_without_one_whole_line_costs_nothing(agent):
    append(agent.logs / "b.log", "no line yet")
    log = follow(agent, "one 0", files=f"{agent.logs}/*.log")

    def ticks():
        return sum(int(x) for x in open(f"/proc/{agent.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])

    before, start = ticks(), time.monotonic()
    wait_for(lambda: time.monotonic() - start > 4, "open events have been closed")
    assert ticks() - before <= 100  # of 400
    append(agent.logs / "b.log", ", but now\n")
    append(log, "one 1\n")
    agent.wait_rows(3)
    assert sorted(agent.bodies()) == ["no line yet, but now", "one 0", "one 1"]
    agent.stop()
