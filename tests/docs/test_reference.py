"""Reference pages say what the code does: every error, setting and route is on them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import reference  # noqa: E402


def test_reference_pages_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: python scripts/reference.py"


def test_every_error_says_its_usual_cause_and_what_to_do():
    kinds = {kind.code: kind for kind in reference.every_error()}
    assert set(reference.causes()) == set(kinds)
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    for code, (cause, act) in reference.causes().items():
        assert (cause[-1], act[-1]) == (".", "."), code
        shown = f"| `{code}` | {kinds[code].exit_code}, {kinds[code].http_status} |"
        assert f"| {cause} | {act} |" in next(line for line in page.splitlines() if line.startswith(shown))


def test_error_codes_name_one_class_each():
    seen: dict[str, type] = {}
    for kind in reference.every_error():
        inherited = any(parent.code == kind.code for parent in kind.__mro__[1:] if hasattr(parent, "code"))
        assert not inherited, f"{kind.__name__} has no code of its own"
        assert kind.code not in seen, f"{kind.__name__} and {seen[kind.code].__name__} share {kind.code}"
        seen[kind.code] = kind
