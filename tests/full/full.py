"""What `make test-full` runs beside `make test`: against other implementations, which take long to install."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEKISHO = os.environ.get("SEKISHO", str(ROOT / "build" / "sekisho"))
CACHE = pathlib.Path(os.environ.get("SEKISHO_TEST_CACHE", "/var/tmp/sekisho-tests"))
SIGMAHQ = pathlib.Path(os.environ.get("SEKISHO_SIGMAHQ", ROOT.parent / "shared" / "corpora" / "sigmahq"))
