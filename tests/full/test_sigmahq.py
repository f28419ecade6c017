"""SigmaHQ's own rules for Linux, web servers and proxies load, or it is said why not."""
import collections
import re
import subprocess

import pytest
from full import SEKISHO, SIGMAHQ

# reason -> how many; anything else fails
REFUSED = {}
UNTRIGGERED = set()  # proxy_ua_empty has no bytes to look for, but is decided once an agent


def rules():
    files = sorted(SIGMAHQ.rglob("*.yml"))
    if not files:
        pytest.skip(f"no rules of SigmaHQ at {SIGMAHQ} (SEKISHO_SIGMAHQ names another folder)")
    return files


def test_all_load_or_are_refused_with_a_reason():
    files = rules()
    p = subprocess.run([SEKISHO, "rules", "list", "--rules", str(SIGMAHQ)], capture_output=True, text=True, timeout=300)
    loaded = re.search(r"^(\d+) rules, (\d+) correlations$", p.stdout, re.M)
    reasons = collections.Counter(re.sub(r"^\S+: ", "", line) for line in p.stderr.splitlines())
    print(f"loaded {loaded[1]} of {len(files)}; refused: {dict(reasons)}")
    assert p.returncode == 0 and dict(reasons) == REFUSED, p.stderr
    assert int(loaded[1]) == len(files) - sum(REFUSED.values())
    assert {x.split()[0] for x in p.stdout.splitlines() if x.endswith("UNTRIGGERED")} == UNTRIGGERED
