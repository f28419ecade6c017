"""Bytes of the journal that went bad while the agent was down: that frame is named and skipped, all others arrive."""
import sqlite3
import struct

import pytest

from conftest import access_line, wait_for

HEADER = 136


def put(agent, tag, n):
    before = agent.status()["events"]
    with open(agent.logs / "a.log", "a") as f:
        f.write("".join(access_line(i, f"/{tag}/{i}") for i in range(n)))
    wait_for(lambda: agent.status()["events"] == before + n, "the lines are journalled")


def frames(path):
    """(offset, sequence, control length, bulk records, bulk length) of each frame with bulk."""
    data = path.read_bytes()
    for at in range(1024, len(data), 512):
        if data[at:at + 4] == b"SKFR" and struct.unpack_from("<Q", data, at + 56)[0] == at:
            seq, = struct.unpack_from("<Q", data, at + 16)
            tagged, = struct.unpack_from("<I", data, at + 12)
            n_bulk, = struct.unpack_from("<I", data, at + 36)
            control, = struct.unpack_from("<I", data, at + 64)
            bulk, = struct.unpack_from("<I", data, at + 72)
            yield at, seq, (tagged + 7) // 8 * 8 + HEADER + control, n_bulk, bulk


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x55]))


@pytest.mark.parametrize("where", ["bulk", "header"])
def test_one_bad_frame_costs_only_itself(agent, where):
    agent.parser = "combined"
    agent.start()
    put(agent, "first", 1)
    agent.wait_rows(1)
    db = sqlite3.connect(agent.db, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")  # the sink stands still: what comes now is only in the journal
    for k in range(5):
        put(agent, f"part{k}", 10 + k)
    agent.kill()
    db.execute("ROLLBACK")
    db.close()
    segment = max((agent.root / "journal").glob("*.seg"))
    middle = [f for f in frames(segment) if f[3] == 12]
    assert len(middle) == 1
    at, seq, head, _, bulk = middle[0]
    assert bulk > 0
    flip(segment, at + 20 if where == "header" else (at + head + 4095) // 4096 * 4096 + bulk // 2)
    agent.start()
    put(agent, "last", 3)
    wait_for(lambda: agent.query("SELECT count(*) FROM events WHERE url_path LIKE '/last/%'") == [(3,)], "new lines")
    for k in range(5):
        want = 0 if k == 2 else 10 + k
        assert agent.query(f"SELECT count(*) FROM events WHERE url_path LIKE '/part{k}/%'") == [(want,)]
    lanes = agent.run("audit").stdout
    assert "12" in [w for line in lanes.splitlines() if "bulk" in line for w in line.split()], lanes
    bad = agent.run("journal", "verify")
    assert bad.returncode != 0 and str(seq) in bad.stdout + bad.stderr
    agent.stop()
