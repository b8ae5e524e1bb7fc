"""Where action scripts are: in the folder that a Player may load from, or bundled."""

from __future__ import annotations

from pathlib import Path

from donki.errors import ScriptError


def shipped_scripts() -> Path:
    """Return the folder of the scripts that come with DonkiOrchestra, installed or in a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "scripts"
    return installed if installed.is_dir() else package.parents[1] / "scripts"


def find_script(script_path: Path, name: str) -> Path:
    """Return the file of a script under the script path.

    Raises
    ------
    ScriptError
        if the name leads outside the script path (by ``..``, as an absolute name or through a link), or there
        is no such file
    """
    if not name:
        raise ScriptError(f"no script is set: write the name of a file under {script_path} to Script")
    folder = script_path.resolve()
    try:
        file = (folder / name).resolve()
        exists = file.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, links in a circle
        raise ScriptError(f"{name!r:.200}: cannot be the name of a script: {error!s:.200}") from None
    if not file.is_relative_to(folder):
        raise ScriptError(f"{name}: leads outside the script path {folder}; move the script into it")
    if not exists:
        raise ScriptError(f"{file}: no such script; Script names a file under the property ScriptPath")
    return file
