"""Stamps that name no zone are of the host's, by the day they are of: summer time begins and ends."""
import json
import os
import subprocess
import time

from conftest import SEKISHO

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


def times(tmp_path, stamps, *more):
    (tmp_path / "none").mkdir()
    log = tmp_path / "a.log"
    log.write_text("".join(f"{s} h app[1]: x\n" for s in stamps))
    out = subprocess.run([SEKISHO, "scan", "--all", "--parser", "syslog", "--rules", str(tmp_path / "none"), *more, str(log)], capture_output=True, text=True, env={**os.environ, "TZ": BERLIN}).stdout
    return [json.loads(line)["time"] for line in out.splitlines()]


def test_each_stamp_has_the_offset_of_its_day(tmp_path):
    assert times(tmp_path, ["Jan 15 12:00:00", "Mar 29 01:59:59", "Mar 29 03:00:00", "Jul  1 12:00:00", "Oct 25 01:30:00", "Oct 25 03:30:00"], "--year", "2026") == [
        "2026-01-15T11:00:00.000000Z", "2026-03-29T00:59:59.000000Z", "2026-03-29T01:00:00.000000Z", "2026-07-01T10:00:00.000000Z",
        "2026-10-24T23:30:00.000000Z", "2026-10-25T02:30:00.000000Z",
    ]


def test_a_zone_in_the_configuration_is_that_zone(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(f"inputs:\n  - {{files: [{tmp_path}/a.log], parser: syslog, time_zone: '+09:00'}}\nrules: [{tmp_path}/none]\njournal: {{dir: {tmp_path}/j}}\n")
    assert times(tmp_path, ["Jul  1 12:00:00"], "--year", "2026", "-c", str(config)) == ["2026-07-01T03:00:00.000000Z"]


def test_the_hour_that_comes_twice_is_the_later_one_once_it_can_be(tmp_path):
    """Summer time ended half an hour ago: what is written now is not an hour old."""
    now = int(time.time())
    change = time.gmtime(now - 1800 + 3600)  # in summer time
    zone = f"AAA0BBB-1,M1.1.0,J{change.tm_yday}/{change.tm_hour:02}:{change.tm_min:02}:{change.tm_sec:02}"
    log = tmp_path / "a.log"
    log.write_text(time.strftime("%b %e %H:%M:%S", time.gmtime(now)) + " h app[1]: x\n")
    out = subprocess.run([SEKISHO, "scan", "--all", "--parser", "syslog", "--rules", str(tmp_path), str(log)], capture_output=True, text=True, env={**os.environ, "TZ": zone}).stdout
    assert json.loads(out)["time"] == time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(now))
