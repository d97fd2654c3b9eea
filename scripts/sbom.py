"""What an installation of a wheel consists of, with licences, in CycloneDX: `python scripts/sbom.py WHEEL PYTHON`.

PYTHON is the interpreter of an environment in which the wheel and what it needs are installed.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDORED = (
    {
        "type": "library",
        "bom-ref": "pkg:npm/idiomorph@0.8.0",
        "name": "idiomorph",
        "version": "0.8.0",
        "purl": "pkg:npm/idiomorph@0.8.0",
        "licenses": [{"license": {"id": "0BSD"}}],
        "description": "src/freehold/shell/web/static/idiomorph.js, for the console's live updates",
    },
)
"""What lies in the wheel and no installer knows of; NOTICE says so too."""
LIST = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--pyproject", ROOT / "pyproject.toml")  # fmt: skip


def main() -> int:
    wheel, python = map(Path, sys.argv[1:])
    listed = subprocess.run([*LIST, python], stdout=subprocess.PIPE, check=True).stdout
    # a reproducible list comes without its number, and what attests lists takes none without: equal files, equal number
    number = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(wheel.read_bytes() + listed).hexdigest())
    known = json.loads(listed)
    components = [*known.get("components", []), *VENDORED]
    print(json.dumps({**known, "components": components, "serialNumber": number.urn}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
