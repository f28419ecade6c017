"""The sink `file`: every file that has its name is whole, and each line is in one of them once, whenever the agent is killed."""
import gzip
import json
import os
import subprocess

import pytest

from conftest import wait_for


def append(path, lines):
    with open(path, "a") as f:
        f.writelines(f"{x}\n" for x in lines)


def use(agent, more=""):
    folder = agent.root / "files"
    agent.sinks["out"] = f"type: file, path: {folder}{more}"
    return folder


def published(folder):
    """The records of all files that have their names; a cut one raises."""
    records = []
    for path in sorted(folder.rglob("*.ndjson*")):
        if path.suffix == ".tmp":
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert data.endswith(b"\n"), path
        records += [json.loads(x) for x in data.splitlines()]
    return records


def bodies(folder):
    return [r["body"] for r in published(folder) if r["kind"] == "event"]


def settled(agent):
    return all(s["bulk_waiting"] + s["control_waiting"] == 0 for s in agent.status()["sinks"])


@pytest.mark.parametrize("compress", ["true", "false"])
def test_what_a_kill_left_behind_the_last_commit_is_not_published(agent, compress):
    folder = use(agent, f", compress: {compress}")
    append(agent.logs / "a.log", [f"one {i}" for i in range(100)])
    agent.start()
    wait_for(lambda: agent.status()["events"] == 100 and settled(agent), "all is delivered")
    agent.kill()
    (tmp,) = folder.rglob("*.tmp")
    whole = tmp.read_bytes()
    tmp.write_bytes(whole + whole[: len(whole) // 2])
    append(agent.logs / "a.log", [f"two {i}" for i in range(100)])
    agent.start()
    wait_for(lambda: agent.status()["events"] == 100 and settled(agent), "the rest is delivered")
    assert agent.run("audit").returncode == 0
    agent.stop()
    assert bodies(folder) == [f"one {i}" for i in range(100)] + [f"two {i}" for i in range(100)]
    assert not list(folder.rglob("*.tmp"))


def test_each_line_once_through_kills(agent):
    folder = use(agent, ", rotate: 1s, rotate_size: 64KiB")
    lines = [f"{k} {i} {os.urandom(20).hex()}" for k in range(8) for i in range(4000)]
    for k in range(8):
        append(agent.logs / "a.log", lines[4000 * k:4000 * (k + 1)])
        agent.start()
        wait_for(lambda k=k: sum(p.stat().st_size for p in folder.rglob("*.gz*")) > k * 80000 + 10000, "some of it is written")
        agent.kill()
        published(folder)
    agent.start()
    wait_for(lambda: settled(agent) and agent.count() == len(lines), "all is delivered")
    agent.stop()
    assert sorted(bodies(folder)) == sorted(lines)
    assert len({r["seq"] for r in published(folder)}) == len(published(folder))
    assert not list(folder.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_the_disk_is_full_for_a_while(agent, small_disk):
    """Half of a commit is on the disk: it is written over, not published."""
    agent.sinks["out"] = f"type: file, path: {small_disk}/files, compress: false, rotate: 1h"
    folder = small_disk / "files"
    append(agent.logs / "a.log", [f"one {i}" for i in range(10)])
    agent.start()
    wait_for(lambda: agent.status()["events"] == 10 and settled(agent), "the first lines")
    room = os.statvfs(small_disk)
    (small_disk / "other").write_bytes(bytes(room.f_bavail * room.f_bsize - 12288))
    lines = [f"two {i} {'x' * 100}" for i in range(200)]
    append(agent.logs / "a.log", lines)
    wait_for(lambda: next(s for s in agent.status()["sinks"] if s["name"] == "out")["retries"] > 0, "it is tried again")
    (small_disk / "other").unlink()
    wait_for(lambda: settled(agent) and agent.count() == 210, "all is delivered")
    agent.stop()
    assert bodies(folder) == [f"one {i}" for i in range(10)] + lines
