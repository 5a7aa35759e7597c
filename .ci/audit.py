"""Ask whether the locked packages have known vulnerabilities, and say which nobody could tell of.

pip-audit says "no known vulnerabilities found" also of packages that its service did not answer
for. Here such a package is named as not audited, and never counted as sound.

Exit status: 1 where a vulnerability is known, else 0, whether or not the service answered.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# So long may the service take for all packages together; CI waits for it.
_SECONDS = 300


def main() -> int:
    """Audit the lock file that the command names."""
    lock = Path(sys.argv[1])
    names = sorted(re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    asked = ask(lock) if answers(lock) else []
    lines, status = report(names, asked)
    print("\n".join(lines))
    return status


def report(names: list[str], asked: list[dict[str, Any]]) -> tuple[list[str], int]:
    """What to print and the exit status.

    Parameters
    ----------
    names : of all locked packages.
    asked : pip-audit's `dependencies`: a name with `vulns` or with `skip_reason`.
    """
    answered = {entry["name"]: entry for entry in asked if "skip_reason" not in entry}
    # Packages for other systems are in the lock, and pip-audit passes them over in silence.
    missing = [name for name in names if name not in answered]
    found = [entry for entry in answered.values() if entry["vulns"]]
    lines = [f"audited {len(names) - len(missing)} of {len(names)} locked packages"]
    for entry in found:
        for vulnerability in entry["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "none yet"
            lines.append(
                f"VULNERABLE: {entry['name']} {entry['version']}: {vulnerability['id']}, "
                f"mended in: {fixed}"
            )
    if answered and not found:
        lines.append("none of the audited ones has a known vulnerability")
    if missing:
        why = "" if answered else ", since the advisory service did not answer"
        lines.append(f"NOT AUDITED{why} ({len(missing)}): {', '.join(missing)}")
    return lines, 1 if found else 0


def answers(lock: Path) -> bool:
    """Whether the service knows the first locked package; asking for all takes minutes if not."""
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "first.txt")
        # Its line and the indented ones with its hashes.
        entry = re.search(r"^\w.*(?:\n +.*)*", lock.read_text(encoding="utf-8"), re.MULTILINE)
        first.write_text(entry[0] if entry else "", encoding="utf-8")
        return any("skip_reason" not in package for package in ask(first))


def ask(requirements: Path) -> list[dict[str, Any]]:
    """pip-audit's answer for each package; none where it failed."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements)),
        *("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"pip-audit gave no answer ({type(error).__name__})")
        return []
    return packages


if __name__ == "__main__":
    sys.exit(main())
