"""Our rules are Sigma to others, too: sigma-cli finds no error and no issue in them."""
import shutil
import subprocess
import sys

import pytest
from full import CACHE, ROOT

# later versions load the lists of ATT&CK and D3FEND from the network at each run
# pyparsing 3.3 breaks how pySigma 0.11 reads conditions with `not` or brackets
PINS = ["sigma-cli==1.0.6", "pySigma==0.11.23", "pyparsing==3.2.5"]


def sigma():
    """sigma-cli in a virtual environment; made once, skipped where it can't be had."""
    venv = CACHE / "sigma-cli-1.0.6-pyparsing-3.2.5"
    done = venv / "complete"
    if not done.exists():
        shutil.rmtree(venv, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True, text=True, timeout=120)
            subprocess.run([str(venv / "bin" / "python"), "-m", "pip", "-q", "install", *PINS], check=True, capture_output=True, text=True, timeout=400)
        except (subprocess.SubprocessError, OSError) as e:
            pytest.skip(f"sigma-cli can't be installed: {(getattr(e, 'stderr', None) or str(e)).strip()[-200:]}")
        done.write_text("yes\n")
    return str(venv / "bin" / "sigma")


def check(exe, path):
    return subprocess.run([exe, "check", "--fail-on-error", "--fail-on-issues", str(path)], capture_output=True, text=True, timeout=300)


def test_no_error_and_no_issue_in_the_pack():
    p = check(sigma(), ROOT / "rules")
    assert p.returncode == 0, p.stdout[-3000:]


def test_it_would_find_one(tmp_path):
    text = (ROOT / "rules" / "web" / "web_xxe.yml").read_text().split("---\n")[0]
    bad = tmp_path / "web_something.yml"
    bad.write_text(text.replace("condition: ", "condition: nothing and "))
    assert "nothing and" in bad.read_text()
    assert check(sigma(), bad).returncode != 0
