"""docs/rules.md, from a log line to an armed rule: every command as it is written there, and what it is said to print."""
import os
import re
import subprocess

from conftest import ROOT, SEKISHO

SECTION = re.search(r"## From a log line to an armed rule\n(.*?)\n## ", (ROOT / "docs" / "rules.md").read_text(), re.S)[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", SECTION, re.S)


def test_the_commands_do_what_is_said(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sekisho").symlink_to(os.path.abspath(SEKISHO))
    (tmp_path / "work").mkdir()
    env = dict(os.environ, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    out = []
    for block in BLOCKS:
        p = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block], cwd=tmp_path / "work", env=env, capture_output=True, text=True, timeout=60)
        assert p.returncode == 0 and "error" not in p.stderr, p.stdout + p.stderr
        out.append(p.stdout)
    assert len(BLOCKS) == 4
    shown = re.search(r"where the pattern and the path part:\n\n(.*?)\n\n", SECTION, re.S)[1]
    assert "\n".join(r[4:] for r in shown.splitlines()) in out[0] and "not yet" in out[0]
    assert "2 passed, 0 failed" in out[1] and "0 errors" in out[1] and "mine.luci: Probe for" in out[1]
    assert re.search(r"^matches +2 ", out[1], re.M) and "FAILED" not in out[1]
    assert ": ok: 1 inputs, 0 sinks, 1 rules" in out[2] and ": ok: 1 inputs, 0 sinks, 1 rules" in out[3]
