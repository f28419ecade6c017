"""What could not be written or read to its end does not look like nothing found."""
import gzip
import subprocess

import pytest

from conftest import ROOT, SEKISHO, access_line

RULES = ["--rules", str(ROOT / "rules")]


@pytest.mark.parametrize("command", [["scan", "--all", *RULES, "LOG"], ["rules", "list", *RULES], ["formats"], ["schema", "bigquery"], ["rules", "bench", *RULES, "LOG"]])
def test_a_full_disk(tmp_path, command):
    log = tmp_path / "a.log"
    log.write_text(access_line(1) * 100)
    with open("/dev/full", "w") as full:
        r = subprocess.run([SEKISHO, *[str(log) if c == "LOG" else c for c in command]], stdout=full, stderr=subprocess.PIPE, text=True)
    assert r.returncode == 74 and "standard output could not be written" in r.stderr


def test_half_a_compressed_log(tmp_path):
    log = tmp_path / "a.log.gz"
    whole = gzip.compress("".join(access_line(i, f"/{i * 7919}") for i in range(5000)).encode())
    log.write_bytes(whole[: len(whole) // 2])
    r = subprocess.run([SEKISHO, "scan", "--all", *RULES, str(log)], capture_output=True, text=True)
    assert r.returncode == 66 and "ends too early" in r.stderr and r.stdout
    r = subprocess.run([SEKISHO, "rules", "backtest", "web.sqli.union-select", *RULES, str(log)], capture_output=True, text=True)
    assert r.returncode != 0 and "ends too early" in r.stderr
