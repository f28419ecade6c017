"""`sekisho journal export`: the whole journal as text, beside a running agent and after it."""
import gzip
import json
import subprocess
import time

from conftest import SEKISHO, access_line
from test_commands import RULE


def fill(agent, n=300):
    agent.parser = "combined"
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    log = agent.logs / "a.log"
    log.write_text("".join(access_line(i, f"/{i}") for i in range(n)) + access_line(1, "/?q=union+select&password=hunter2secret"))
    agent.wait_rows(n + 1)
    agent.wait_rows(1, "alerts")
    agent.wait_rows(1, "blocks")
    return log


def export(agent, *options):
    p = agent.run("journal", "export", *options)
    assert p.returncode == 0, p.stderr
    return [json.loads(x) for x in p.stdout.splitlines()]


def test_everything_in_order_running_and_stopped(agent):
    log = fill(agent)
    got = export(agent)
    seqs = [x["seq"] for x in got]
    assert len(got) == 303 and seqs == sorted(set(seqs))
    rows = agent.query("SELECT lower(hex(id)), body FROM events_raw") or []
    events = {x["id"]: x for x in got if x["kind"] == "event"}
    assert len(events) == 301 and sorted(x["body"] for x in events.values()) == sorted(r[1] for r in rows)
    one = next(iter(events.values()))
    assert one["file"] == str(log) and one["service.name"] == "test" and one["host.name"] and one["span"] > 0
    assert len(one["rules_hash"]) == 16 and one["observed"].endswith("Z")
    assert "hunter2secret" not in json.dumps(got)
    alert = next(x for x in got if x["kind"] == "alert")
    assert alert["rule"] == "t.union" and alert["entity"]["value"] == "203.0.113.7"
    agent.stop()
    assert export(agent) == got


def test_kinds_and_compression(agent):
    fill(agent, 20)
    assert [x["kind"] for x in export(agent, "--kind", "alert")] == ["alert"]
    assert len(export(agent, "--kind", "event")) == 21
    assert export(agent, "--kind", "ledger") == []
    p = subprocess.run([SEKISHO, "journal", "export", "-c", str(agent.config), "--gzip"], capture_output=True, timeout=60)
    assert p.returncode == 0
    assert [json.loads(x) for x in gzip.decompress(p.stdout).splitlines()] == export(agent)
    agent.stop()


def test_since_is_when_it_was_journalled(agent):
    log = fill(agent, 5)
    time.sleep(1.1)  # the stamp below has whole seconds
    cut = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open(log, "a") as f:
        f.write(access_line(1, "/later"))
    agent.wait_rows(7)
    got = export(agent, "--since", cut)
    assert [x["attributes"]["url.path"] for x in got] == ["/later"]
    assert len(export(agent, "--since", "1h")) == 9
    for wrong in (["--since", "yesterday"], ["--kind", "alerts"]):
        p = agent.run("journal", "export", *wrong)
        assert p.returncode == 64 and "expected" in p.stderr
    assert agent.run("journal", "cat", "--gzip").returncode == 64
    agent.stop()


def test_what_cannot_be_read_is_said_in_its_place(agent):
    log = fill(agent, 5)
    with open(log, "a") as f:
        f.write(access_line(1, "/later"))
    agent.wait_rows(7)
    agent.stop()
    before = export(agent)
    segment = sorted((agent.root / "journal").glob("*.seg"))[0]
    whole = segment.read_bytes()
    headers = [i for i in range(1024, len(whole), 512) if whole[i:i + 4] == b"SKFR"]
    broken = bytearray(whole)
    at = headers[0] + 140  # in the control block of the first frame
    broken[at] ^= 0xFF
    segment.write_bytes(broken)
    p = agent.run("journal", "export")
    lines = [json.loads(x) for x in p.stdout.splitlines()]
    missing = [x for x in lines if x["kind"] == "missing"]
    assert len(headers) > 1 and p.returncode == 65 and "damaged" in p.stderr
    assert [x["why"] for x in missing] == ["damaged"] and missing[0]["records"] > 0
    rest = [x for x in lines if x["kind"] != "missing"]
    assert all(x in before for x in rest) and len(rest) + missing[0]["records"] == len(before)


def test_a_closed_pipe_ends_it(agent):
    fill(agent, 3000)
    p = subprocess.Popen([SEKISHO, "journal", "export", "-c", str(agent.config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    p.stdout.close()
    assert p.wait(timeout=60) != 0
    p.stderr.close()
    agent.stop()
