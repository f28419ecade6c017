"""Nobody honest is blocked: two minutes of the evening that `make quality` makes for ten million lines."""
import subprocess
import sys

from conftest import ROOT


def test_the_shipped_policy_in_enforce_blocks_no_honest_user():
    args = [sys.executable, str(ROOT / "tools" / "quality" / "quality.py"), "--honest", "250000"]
    out = subprocess.run(args, capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    assert ": 0 addresses blocked;" in out.stdout
    assert "198.51.100.50" not in out.stdout and "web." in out.stdout  # alerts there are, for the shared address
