"""Live events of the running agent, filters, and readers that are too slow."""
import json
import socket
import subprocess

import pytest

from conftest import SEKISHO, access_line, wait_for
from test_commands import RULE


class Tap:
    def __init__(self, agent, *terms):
        self.process = subprocess.Popen(
            [SEKISHO, "tap", "-c", str(agent.config), *terms],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.said = self.process.stderr.readline()
        while "is no attribute" in self.said:
            self.said = self.process.stderr.readline()
        assert "listening, from frame" in self.said, self.said

    def next(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process.stderr.close()


def start(agent):
    agent.parser = "combined"
    (agent.root / "rules" / "r.yml").write_text(RULE)
    agent.start()
    return agent.logs / "a.log"


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def test_events_and_alerts_come_as_scan_prints_them_from_now_on(agent):
    log = start(agent)
    append(log, access_line(1, "/before"))
    agent.wait_rows(1)
    tap = Tap(agent)
    text = access_line(2, "/plain") + access_line(3, "/?q=union+select&password=hunter2secret")
    append(log, text)
    got = [tap.next() for _ in range(4)]
    assert "hunter2secret" not in json.dumps(got)
    kinds = sorted(x["kind"] for x in got)
    assert kinds == ["alert", "block", "event", "event"]
    scan = subprocess.run(
        [SEKISHO, "scan", "--all", "--parser", "combined", "--rules", agent.rules, str(log)],
        capture_output=True, text=True, timeout=60,
    ).stdout
    scanned = {x["id"]: x for x in map(json.loads, scan.splitlines())}
    for x in got:
        if x["kind"] == "event":
            same = scanned[x["id"]]
            del same["line"]  # the agent counts bytes, not lines
            assert x == same
        if x["kind"] == "alert":
            same = scanned[x["id"]]
            for key in ("kind", "time", "rule", "category", "level", "entity", "action", "duration_s", "count", "page"):
                assert x[key] == same[key], key
            assert x["mode"] == "shadow" and len(x["event_ids"]) == 1
    tap.end()
    agent.stop()


@pytest.mark.parametrize(
    "terms, paths",
    [
        (["rule=t.*"], ["/2?q=union+select", "/4?q=union+select"]),
        (["category=sqli", "client.address=203.0.113.7"], ["/2?q=union+select"]),
        (["kind=event", "category!=sqli"], ["/1", "/3", "/5"]),
        (["client.address!=203.0.113.7", "kind=event"], ["/3", "/4?q=union+select", "/5"]),
        (["url.path=/3"], ["/3"]),
        (["body=*GET /5*"], ["/5"]),
        (["http.response.status_code=404"], ["/5"]),
    ],
)
def test_filters(agent, terms, paths):
    log = start(agent)
    tap = Tap(agent, "kind!=alert", "kind!=block", *terms)
    other = "198.51.100.9"
    append(
        log,
        access_line(1, "/1") + access_line(1, "/2?q=union+select") + access_line(1, "/3", other)
        + access_line(1, "/4?q=union+select", other) + access_line(1, "/5", other, 404),
    )
    agent.wait_rows(5)
    got = [tap.next() for _ in paths]
    show = lambda x: x["attributes"]["url.path"] + ("?" + x["attributes"]["url.query"] if "url.query" in x["attributes"] else "")
    assert sorted(map(show, got)) == paths
    tap.end()
    agent.stop()


def test_alerts_are_found_by_their_entity(agent):
    log = start(agent)
    tap = Tap(agent, "kind=alert", "client.address=203.0.113.8")
    for last in (7, 8):
        append(log, access_line(1, "/?q=union+select", f"203.0.113.{last}"))
        agent.wait_rows(last - 6, "alerts")
    assert tap.next()["entity"]["value"] == "203.0.113.8"
    tap.end()
    agent.stop()


def test_count_ends_it_and_wrong_filters_are_named(agent):
    log = start(agent)
    p = subprocess.Popen([SEKISHO, "tap", "-c", str(agent.config), "--count", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "listening" in p.stderr.readline()
    append(log, "".join(access_line(i) for i in range(5)))
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 0 and len(out.splitlines()) == 2
    wrong = agent.run("tap", "rule")
    assert wrong.returncode == 64 and "expected NAME=VALUE" in wrong.stderr
    wrong = agent.run("tap", *["a=b"] * 9)
    assert wrong.returncode == 64 and "more than 8 terms" in wrong.stderr
    agent.stop()
    gone = agent.run("tap")
    assert gone.returncode == 69 and "is the agent running" in gone.stderr


def test_the_end_of_the_agent_ends_the_tap(agent):
    start(agent)
    tap = Tap(agent)
    agent.stop()
    assert tap.process.wait(timeout=60) == 69
    tap.end()


def test_who_does_not_read_slows_nobody_and_is_told_what_was_dropped(agent):
    log = start(agent)
    s = socket.socket(socket.AF_UNIX)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(str(agent.root / "s.sock"))
    s.sendall(b"tap\n")
    f = s.makefile("r")
    assert f.readline().startswith("ok ")  # from here on everything counts
    total = 0
    for round_ in range(150):  # each its own frames; far more than a socket takes
        append(log, "".join(access_line(round_, "/" + "x" * 400) for _ in range(20)))
        total += 20
        agent.wait_rows(total)
    append(log, access_line(1, "/last"))
    agent.wait_rows(total + 1)
    seen = dropped = 0
    while True:
        x = json.loads(f.readline())
        if x["kind"] == "dropped":
            dropped += x["records"]
            append(log, access_line(1, "/after"))
            total += 1
            continue
        seen += 1
        if x["attributes"]["url.path"] == "/after":
            break
    assert dropped > 0 and seen + dropped == total + 1
    s.close()
    agent.stop()


def test_there_are_eight_and_places_become_free(agent):
    start(agent)
    taps = [Tap(agent) for _ in range(8)]
    assert "as many taps as there may be" in agent.run("tap").stderr
    taps.pop().end()

    def again():
        try:
            taps.append(Tap(agent))
            return True
        except AssertionError:
            return False

    wait_for(again, "a place is free again")
    for t in taps:
        t.end()
    agent.stop()
