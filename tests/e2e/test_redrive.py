"""`journal redrive`: dead letters wait again and arrive once; the sums balance all the way, through kills as well."""
import json
import re

import pytest
from conftest import access_line, wait_for
from test_google import distinct, sink_status, use, write_lines


def dead(agent):
    path = agent.root / "dead" / "far.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def far(agent):
    """The sum of both lanes in the audit."""
    n = {}
    out = agent.run("audit")
    assert out.returncode == 0, out.stdout
    for line in re.findall(r"^far +(?:bulk|control) .*$", out.stdout, re.M):
        for name, v in re.findall(r"(\w+) (\d+)", line):
            n[name] = n.get(name, 0) + int(v)
    return n


def poisoned(agent, google, n=10, more=""):
    """An agent whose sink has refused n of 200 rows and an alert."""
    google.poison = "poison"
    use(agent, google.url, more=more)
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(i, f"/poison{i}" if i < n else f"/ok{i}") for i in range(200))
        f.write(access_line(1, "/poison?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D"))
    agent.start()
    wait_for(lambda: len(dead(agent)) == n + 1 and far(agent)["waiting"] == 0, "the dead letters")
    assert len(distinct(google.rows("sekisho-events"))) == 200 - n


def test_dead_letters_are_delivered_once_as_they_were(agent, google):
    poisoned(agent, google)
    before = far(agent)
    google.poison = None
    out = agent.run("journal", "redrive", "--sink", "far")
    assert (out.returncode, out.stdout) == (0, "far: 11 dead letters wait again\n"), out
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 201, "all events")
    wait_for(lambda: far(agent)["waiting"] == 0, "nothing waits")
    after = far(agent)
    assert after["rejected"] == 0 and after["delivered"] == before["delivered"] + 11, after
    assert dead(agent) == [] and not (agent.root / "dead" / "far.redrive").exists()
    rows = google.rows("sekisho-events")
    assert len(rows) == 201  # none twice
    attack = next(r for r in rows if r.get("rule") == "web.log4shell.jndi")
    local = agent.query("SELECT id, seq, time, host_name, rules_hash, parser, log_file_path, log_offset, http_response_status_code, detections FROM events WHERE rule = 'web.log4shell.jndi'")[0]
    got = [attack[k] for k in ("id", "seq", "time", "host_name", "rules_hash", "parser", "log_file_path", "log_offset", "http_response_status_code")]
    assert got == list(local[:9]) and attack["detections"] == json.loads(local[9])
    out = agent.run("journal", "redrive")
    assert "far: 0 dead letters wait again" in out.stdout and "local: 0 dead" in out.stdout
    agent.stop()


def test_what_is_refused_again_is_a_dead_letter_again(agent, google):
    poisoned(agent, google)
    google.poison = "poison3"
    agent.run("journal", "redrive")
    wait_for(lambda: [d["body"] for d in dead(agent)] and len(dead(agent)) == 1 and far(agent)["waiting"] == 0, "the one that is refused again")
    assert "/poison3" in dead(agent)[0]["body"] and far(agent)["rejected"] == 1
    google.poison = None
    agent.run("journal", "redrive")
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 201 and far(agent)["rejected"] + far(agent)["waiting"] == 0, "all events")
    assert len(google.rows("sekisho-events")) == 201
    agent.stop()


def test_one_by_its_id_or_the_latest_by_time(agent, google):
    poisoned(agent, google)
    google.poison = None
    one = dead(agent)[4]
    assert "far: 0 dead" in agent.run("journal", "redrive", "--sink", "far", "--since", "2099-01-01T00:00:00Z").stdout
    assert agent.run("journal", "redrive", "--sink", "far", "--id", one["id"]).stdout == "far: 1 dead letters wait again\n"
    wait_for(lambda: len(google.rows("sekisho-events")) == 191, "the one")
    assert google.rows("sekisho-events")[-1]["id"] == one["id"] and len(dead(agent)) == 10
    assert agent.run("journal", "redrive", "--sink", "far", "--since", "1h").stdout == "far: 10 dead letters wait again\n"
    wait_for(lambda: len(google.rows("sekisho-events")) == 201, "all")
    for args, text in ((["--sink", "fat"], "no sink 'fat'"), (["--id", "x"], "32 hex digits"), (["--since", "soon"], "expected a time"), (["--gzip"], "options of export")):
        out = agent.run("journal", "redrive", *args)
        assert out.returncode == 64 and text in out.stderr, out
    agent.stop()


def test_without_the_agent_they_wait_for_its_next_start(agent, google):
    poisoned(agent, google)
    agent.stop()
    old = agent.root / "dead" / "far.ndjson"
    lines = old.read_text().splitlines(keepends=True)
    lines[2] = re.sub(r',"record":"[^"]*"}', "}", lines[2])  # as an older version wrote it
    old.write_text("".join(lines) + '{"seq":99,"lane":"bu')  # and what a crash cut off
    out = agent.run("journal", "redrive")
    assert "far: 10 dead letters wait again" in out.stdout and "far: 1 others stay" in out.stdout, out
    google.poison = None
    agent.start()
    wait_for(lambda: len(google.rows("sekisho-events")) == 200, "all but the old one")
    wait_for(lambda: far(agent)["waiting"] == 0, "nothing waits")
    assert far(agent)["rejected"] == 1 and len(dead(agent)) == 1
    agent.stop()


@pytest.mark.parametrize("fault", [(503, "UNAVAILABLE"), "lost"])
def test_a_kill_on_the_way_back_keeps_the_sums_and_loses_nothing(agent, google, fault):
    poisoned(agent, google, n=40)
    for i in range(4):
        google.poison = f"poison{i}"
        google.faults = [("events", fault)]
        agent.run("journal", "redrive")
        wait_for(lambda: not google.faults, "a request under way")
        agent.kill()
        agent.start()
        n = far(agent)
        assert n["delivered"] + n["rejected"] + n["waiting"] == n["journalled"]
        assert n["rejected"] == len(dead(agent)) or n["waiting"] > 0
    google.poison = None
    wait_for(lambda: far(agent)["waiting"] == 0, "nothing waits")
    agent.run("journal", "redrive")
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 201, "all events")
    wait_for(lambda: far(agent)["waiting"] + far(agent)["rejected"] == 0, "nothing waits")
    assert dead(agent) == [] and not (agent.root / "dead" / "far.redrive").exists()
    agent.stop()


def test_a_line_in_both_files_after_a_crash_is_delivered_once(agent, google):
    poisoned(agent, google)
    agent.stop()
    old = (agent.root / "dead" / "far.ndjson").read_text()
    agent.run("journal", "redrive")
    (agent.root / "dead" / "far.ndjson").write_text(old)  # the second rename was lost
    google.poison = None
    agent.start()
    wait_for(lambda: len(google.rows("sekisho-events")) == 201, "all events")
    wait_for(lambda: far(agent)["waiting"] + far(agent)["rejected"] == 0, "the sums")
    assert dead(agent) == []
    write_lines(agent, 1)
    wait_for(lambda: len(google.rows("sekisho-events")) == 202 and sink_status(agent)["retries"] == 0, "one more")
    agent.stop()


def ids(agent):
    return [d["id"] for d in dead(agent) if "id" in d]


def test_beyond_their_budget_the_oldest_go_and_are_counted(agent, google):
    agent.more = "dead_letter: {max_size: 1MiB}"
    google.poison = "poison"
    use(agent, google.url)
    agent.start()
    n = 0
    while not (dead(agent) and "gone" in dead(agent)[0]):  # a line is some 1,500 bytes
        write_lines(agent, 300, first=n, path="/poison")
        n += 300
        wait_for(lambda: sink_status(agent)["rejected"] == n, "these dead letters")
        assert n < 3000
    path = agent.root / "dead" / "far.ndjson"
    gone = dead(agent)[0]["gone"]
    assert path.stat().st_size <= 1 << 20 and gone > 0 and len(ids(agent)) == n - gone
    paths = [d["attributes"]["url.path"] for d in dead(agent)[1:]]
    assert paths == [f"/poison{i}" for i in range(gone, n)]  # the newest, in order
    assert sink_status(agent)["dead_letters_gone"] == gone
    assert f"dead letters {n} ({gone} are gone)" in agent.run("status").stdout
    write_lines(agent, 1, first=n, path="/ok")  # whoever writes the ledger is awake
    wait_for(lambda: agent.query("SELECT source, lost_records FROM ledger WHERE what = 'dead_letters'") == [("far", gone)], "the ledger has them")
    assert agent.run("audit").returncode == 0
    agent.kill()
    agent.start()
    assert sink_status(agent)["dead_letters_gone"] == gone  # it stands in the file
    google.poison = None
    assert agent.run("journal", "redrive").stdout.startswith(f"far: {n - gone} dead letters wait again\n")
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == n - gone + 1, "those that were kept")
    wait_for(lambda: far(agent)["waiting"] == 0, "nothing waits")
    assert far(agent)["rejected"] == gone and ids(agent) == []
    agent.stop()
