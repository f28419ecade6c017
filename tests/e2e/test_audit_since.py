"""`audit`: for each input and each destination, for all time or since a time, and never balanced when it is not."""
import json
import random
import re

from conftest import access_line, wait_for
from test_google import sink_status, use, write_lines


def sums(agent, *args, code=0):
    out = agent.run("audit", "--json", *args)
    assert out.returncode == code, out.stdout + out.stderr
    return json.loads(out.stdout)


def lane(audit, sink, name):
    return next(s for s in audit["sinks"] if (s["name"], s["lane"]) == (sink, name))


def both(audit, sink, key):
    return lane(audit, sink, "bulk")[key] + lane(audit, sink, "control")[key]


def append(agent, name, n, first=0):
    with open(agent.logs / name, "a") as f:
        f.writelines(access_line(i, f"/{name}{i}") for i in range(first, first + n))


def two_inputs(agent):
    agent.inputs = f'  - {{files: ["{agent.logs}/a*.log"], parser: combined}}\n  - {{files: ["{agent.logs}/b.log"], parser: raw}}'


def by_input(audit):
    return {i["name"].rsplit("/", 1)[1]: i["journalled"] for i in audit["inputs"]}


def now(agent):
    """A time that is behind all frames there are and before all to come: both are of this host's clock."""
    import datetime
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_each_input_and_each_destination_since_a_time(agent):
    two_inputs(agent)
    append(agent, "a1.log", 30)
    append(agent, "b.log", 7)
    agent.start()
    agent.wait_rows(37)
    assert by_input(sums(agent)) == {"a*.log": 30, "b.log": 7}
    t = now(agent)
    append(agent, "a2.log", 20)
    append(agent, "b.log", 5, first=7)
    agent.wait_rows(62)
    wait_for(lambda: both(sums(agent), "local", "waiting") == 0, "all is delivered")
    all_time, since = sums(agent), sums(agent, "--since", t)
    assert by_input(all_time) == {"a*.log": 50, "b.log": 12}
    assert by_input(since) == {"a*.log": 20, "b.log": 5}
    assert both(since, "local", "journalled") == both(since, "local", "delivered") + both(since, "local", "waiting") - both(since, "local", "waiting_then")
    assert both(since, "local", "journalled") == 25
    size = sum(len(access_line(i, f"/a2.log{i}")) for i in range(20)) + sum(len(access_line(i, f"/b.log{i}")) for i in range(7, 12))
    assert [j for j in since["journal"] if "bytes" in j] == [{"name": "journal", "bytes": size, "of_inputs": size, "ok": True}]
    assert sums(agent, "--since", now(agent))["journal"][0]["records"] == 0
    text = agent.run("audit", "--since", t).stdout
    assert re.search(r"^input .*/b\.log read 5 = journalled 5 \+ duplicates 0  ok$", text, re.M), text
    assert re.search(r"^local +bulk +waiting then \d+ \+ journalled 25 = delivered \d+ \+", text, re.M) and text.endswith("balanced\n"), text
    assert sums(agent, "--since", "1h")["journal"][0] == all_time["journal"][0]
    agent.stop()


def test_the_sums_outlive_kills_and_new_segments(agent):
    """A sink that is down keeps all segments of 1 MiB: the first frame since a time is anywhere in one, before a kill or after it."""
    use(agent, "http://127.0.0.1:1")
    agent.rules = str(agent.root / "rules")
    agent.start()
    step = 3000
    times = []
    for i in range(6):
        times.append((now(agent), step * i))
        with open(agent.logs / "a.log", "a") as f:  # what can't be compressed fills segments
            f.writelines(access_line(k, "/" + random.randbytes(200).hex()) for k in range(step))
        agent.wait_rows(step * (i + 1))
        if i % 2:
            agent.kill()
            agent.start()
    wait_for(lambda: both(sums(agent), "local", "waiting") == 0, "all is delivered")
    assert len(list((agent.root / "journal").glob("*.seg"))) >= 3
    for t, n in times:
        s = sums(agent, "--since", t)
        assert s["inputs"][0]["journalled"] == s["journal"][0]["events"] == 6 * step - n, (n, s)
        assert both(s, "local", "waiting_then") + 6 * step - n == both(s, "local", "delivered"), (n, s)
        assert both(s, "far", "waiting_then") == n and both(s, "far", "waiting") == 6 * step, (n, s)
    agent.kill()


def test_what_waited_then_and_what_was_refused_since(agent, google):
    use(agent, google.url)
    google.faults = [("events", (503, "UNAVAILABLE"))] * 1000
    write_lines(agent, 100)
    agent.start()
    agent.wait_rows(100)
    wait_for(lambda: sink_status(agent)["retries"] > 0, "the sink is refused")
    t = now(agent)
    write_lines(agent, 50, first=100)
    agent.wait_rows(150)
    s = sums(agent, "--since", t)
    assert both(s, "far", "waiting_then") == 100 and both(s, "far", "waiting") == 150 and both(s, "far", "delivered") == 0
    google.poison = "ok14"
    google.faults = []
    wait_for(lambda: both(sums(agent), "far", "waiting") == 0, "all is settled")
    s = sums(agent, "--since", t)
    assert both(s, "far", "rejected") == 11 and both(s, "far", "delivered") == 139, s
    t = now(agent)
    google.poison = None
    agent.run("journal", "redrive")
    wait_for(lambda: both(sums(agent), "far", "rejected") == 0, "all is delivered")
    write_lines(agent, 1, first=150)
    wait_for(lambda: both(sums(agent), "far", "delivered") == 151, "one more")
    s = sums(agent, "--since", t)
    assert both(s, "far", "sent_again") == 11 and both(s, "far", "delivered") == 12 and s["balanced"], s
    agent.stop()


def test_a_cursor_that_lies_does_not_balance(agent, google):
    use(agent, google.url)
    write_lines(agent, 20)
    agent.start()
    t = now(agent)
    write_lines(agent, 20, first=20)
    wait_for(lambda: both(sums(agent), "far", "delivered") == 40, "delivered")
    agent.stop()
    lie(agent.root / "journal" / "far.cursor")
    agent.start()
    assert not sums(agent, code=1)["balanced"]
    s = sums(agent, "--since", t, code=1)
    assert not lane(s, "far", "bulk")["ok"] and lane(s, "local", "bulk")["ok"], s
    agent.stop()


def lie(path):
    """One record more delivered than the cursor had, with its checksums right."""
    data = bytearray(path.read_bytes())
    newest = max((0, 512), key=lambda at: int.from_bytes(data[at + 8:at + 16], "little"))
    value = newest + data[newest:newest + 512].index(b"SKCU")
    delivered = value + 88 + 16
    data[delivered:delivered + 8] = (int.from_bytes(data[delivered:delivered + 8], "little") + 1).to_bytes(8, "little")
    data[value + 252:value + 256] = crc32c(data[value:value + 252]).to_bytes(4, "little")
    data[newest + 508:newest + 512] = crc32c(data[newest:newest + 508]).to_bytes(4, "little")
    path.write_bytes(data)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_what_can_not_be_told_is_said(agent):
    agent.start()
    assert agent.run("audit", "--since", "soon").returncode == 64
    append(agent, "a.log", 3)
    agent.wait_rows(3)
    s = sums(agent, "--since", "2001-01-01T00:00:00Z")
    assert s["first_frame"] == 1 and s["inputs"][0]["journalled"] == 3
    assert "it has no older ones" in agent.run("audit", "--since", "2001-01-01T00:00:00Z").stdout
    assert "no frame since then" in agent.run("audit", "--since", "2099-01-01T00:00:00Z").stdout
    agent.stop()
