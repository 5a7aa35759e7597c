"""Write a CycloneDX list of what an installation of wsi-idc consists of, as JSON.

    python .ci/sbom.py FILE [EXTRA ...]

The packages are those of this environment that wsi-idc needs, with the extras named; whatever
else lies in the environment, such as the tools for tests, is left out. cyclonedx-py describes the
packages; it takes all extras of all packages for needed, so which ones are is worked out here.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "wsi-idc"


def main() -> None:
    """Write the file that the command names."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    output, extras = Path(sys.argv[1]), frozenset(sys.argv[2:])
    bom = narrowed(described(), needs(ROOT, extras))
    text = json.dumps(bom, indent=2) + "\n"
    if (fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        sys.exit(f"the list of packages is no valid CycloneDX: {fault}")
    output.write_text(text, encoding="utf-8")
    print(f"{output}: {ROOT} and the {len(bom['components'])} packages that it needs")


def needs(root: str, extras: frozenset[str]) -> dict[str, set[str]]:
    """Which installed packages each package needs, from the root on, by canonical names."""
    edges: dict[str, set[str]] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(root), extras)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        own = edges.setdefault(name, set())
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (wanted or {""})):
                needed = canonicalize_name(requirement.name)
                own.add(needed)
                waiting.append((needed, frozenset(requirement.extras)))
    return edges


def described() -> dict[str, Any]:
    """All packages of this environment, as cyclonedx-py describes them."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", "--no-validate"),
            *("--output-reproducible", "--spec-version", "1.6", sys.executable),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def narrowed(bom: dict[str, Any], edges: dict[str, set[str]]) -> dict[str, Any]:
    """Only the packages that are needed, the root as what the list is about."""
    components = {canonicalize_name(part["name"]): part for part in bom["components"]}
    root = components[canonicalize_name(ROOT)]
    # Where it was installed from is this machine's folder.
    root.pop("externalReferences", None)
    bom["metadata"]["component"] = root
    bom["components"] = [components[name] for name in sorted(edges) if components[name] is not root]
    bom["dependencies"] = [
        {
            "ref": components[name]["bom-ref"],
            "dependsOn": [components[needed]["bom-ref"] for needed in sorted(edges[name])],
        }
        for name in sorted(edges)
    ]
    return bom


if __name__ == "__main__":
    main()
