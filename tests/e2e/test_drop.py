"""Drop rules: what a sink is not to get is counted exactly, whatever happens; detections are never dropped."""
import re

import conftest
from conftest import ROOT, wait_for

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def access_line(*a, **k):
    """Of a browser: of what looks like a crawler there would be a detection."""
    return conftest.access_line(*a, agent=BROWSER, **k)


RULES = """, drop: [{when: ['file=*/front.log', 'url.path=/health*', 'http.response.status_code=200']}, {when: [file=*/noise.log]}]"""


def use(agent, tmp_path, more):
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    agent.local = more
    agent.sinks["all"] = f"type: file, path: {tmp_path}/all"


def lines(agent, name, *text):
    with open(agent.logs / name, "a") as f:
        f.writelines(text)


def audit(agent, sink, lane):
    line = re.search(rf"^{sink} +{lane} .*$", agent.run("audit").stdout, re.M).group(0)
    return {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", line)}


def settled(agent):
    status = agent.status()
    return all(s["bulk_waiting"] + s["control_waiting"] == 0 for s in status["sinks"])


def test_what_a_rule_names_is_dropped_at_that_sink_alone_and_counted(agent, tmp_path):
    use(agent, tmp_path, RULES)
    lines(agent, "front.log", *(access_line(i, "/health") for i in range(300)), *(access_line(i, "/health", status=503) for i in range(5)))
    lines(agent, "front.log", *(access_line(i, "/healthz?x=1") for i in range(20)), *(access_line(i, f"/shop{i}") for i in range(50)))
    lines(agent, "other.log", *(access_line(i, "/health") for i in range(7)))
    lines(agent, "noise.log", *(access_line(i, f"/n{i}") for i in range(40)), access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D"))
    agent.start()
    wait_for(lambda: agent.status()["events"] == 423 and settled(agent), "all is settled")
    assert agent.count("events") == 5 + 50 + 7 + 1
    assert agent.query("SELECT count(*) FROM events WHERE log_file_path LIKE '%/noise.log'") == [(1,)]  # what was detected stays
    assert agent.count("alerts") >= 1
    bulk = audit(agent, "local", "bulk")
    assert bulk["dropped"] == 360 and bulk["delivered"] == 62, bulk
    assert audit(agent, "all", "bulk")["dropped"] == 0
    rules = next(s for s in agent.status()["sinks"] if s["name"] == "local")["drop"]
    assert [r["records"] for r in rules] == [320, 40] and rules[1]["when"] == "file=*/noise.log"
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_the_count_stays_exact_through_kills(agent, tmp_path):
    use(agent, tmp_path, RULES)
    for i in range(6):
        lines(agent, "front.log", *(access_line(k, f"/{'health' if k % 3 else 'shop'}{k}") for k in range(3000)))
        agent.start()
        wait_for(lambda i=i: agent.count("events") > i * 1000, "some rows")
        agent.kill()
    agent.start()
    wait_for(lambda: agent.count("events") == 6000 and settled(agent), "all rows")
    bulk = audit(agent, "local", "bulk")
    assert (bulk["delivered"], bulk["dropped"], bulk["journalled"]) == (6000, 12000, 18000), bulk
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_a_rule_that_can_not_be_meant_is_refused(agent, tmp_path):
    use(agent, tmp_path, ", drop: [{when: [nonsense]}, {when: ['level=low', 'url.pth=/x']}, {when: []}]")
    agent.write_config()
    check = agent.run("check")
    assert check.returncode == 78
    for text in ("expected NAME=VALUE", "'level': only events without detections", "'url.pth' is no attribute", "would drop everything"):
        assert text in check.stderr, check.stderr


def test_inputs_have_destinations_of_their_own_by_their_service(agent, tmp_path):
    use(agent, tmp_path, ", services: [jp, staging]")
    agent.inputs = "".join(f'  - {{files: ["{agent.logs}/{s}.log"], parser: combined, service: {s}}}\n' for s in ("jp", "kr", "staging"))
    attack = access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D")
    for name, n in (("jp", 20), ("kr", 30), ("staging", 3)):
        lines(agent, f"{name}.log", *(access_line(i, f"/{i}") for i in range(n)), attack)
    agent.start()
    wait_for(lambda: agent.status()["events"] == 56 and settled(agent), "all is settled")
    assert agent.query("SELECT service_name, count(*), count(detections) FROM events GROUP BY 1 ORDER BY 1") == [("jp", 21, 1), ("staging", 4, 1)]
    assert agent.count("alerts") >= 1  # they are every sink's
    assert audit(agent, "local", "bulk")["dropped"] == 30 and audit(agent, "local", "control")["dropped"] == 1
    assert audit(agent, "all", "bulk")["dropped"] == 0
    agent.stop()
    agent.config.write_text(agent.config.read_text().replace("[jp, staging]", "[jp, stagin]"))
    assert "no input has the service 'stagin'; did you mean 'staging'?" in agent.run("check").stderr
