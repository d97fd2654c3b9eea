"""Reference pages say what the code does: every error, setting and route is on them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_reference_pages_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: python scripts/reference.py"


def test_error_codes_name_one_class_each():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import reference
    finally:
        sys.path.pop(0)
    seen: dict[str, type] = {}
    for kind in reference.every_error():
        inherited = any(parent.code == kind.code for parent in kind.__mro__[1:] if hasattr(parent, "code"))
        assert not inherited, f"{kind.__name__} has no code of its own"
        assert kind.code not in seen, f"{kind.__name__} and {seen[kind.code].__name__} share {kind.code}"
        seen[kind.code] = kind
