"""Take the picture of the panel: ``python docs/pictures/panel.py`` writes panel.png beside it.

Starts an orchestra on this machine, plays half a minute of it and stops everything.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from donki.player.script.path import shipped_scripts
from donki_client import Director
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility

PICTURE = Path(__file__).with_name("panel.png")

#: Players, their scripts and priorities.
PLAYERS = {
    "bank0": ("run_player_0.py", 0),
    "bank1": ("run_player_1.py", 0),
    "monitor": ("run_player_2.py", 1),
    "camera": ("just_action.py", -1),
}


def start(facility: LocalFacility, folder: Path) -> Director:
    """Start the orchestra and return its Director, set to 14 triggers a second."""
    database, broker = facility.start_database_and_broker()
    players = [
        DeviceServer.player(
            name,
            shipped_scripts() / script,
            priority=priority,
            parameters={"topic": name},
            KafkaBrokers=str(broker),
        )
        for name, (script, priority) in PLAYERS.items()
    ]
    facility.start_servers(DeviceServer.director(RunDirectory=str(folder)), *players)
    director = Director("donki/director/1", database)
    director.triggers, director.period = 1000, 1 / 14
    director.run_title = "water at 290 K"
    return director


def take(director: Director, seconds: float) -> None:
    """Show the panel for a time, a start and a pause in it, and save what it looks like."""
    from donki_client.panel.app import an_application  # noqa: PLC0415
    from donki_client.panel.model.orchestra import Orchestra  # noqa: PLC0415
    from donki_client.panel.window import Window  # noqa: PLC0415

    app = an_application()
    window = Window(Orchestra(director))
    window.show()

    def look(time_to_look: float) -> None:
        end = time.monotonic() + time_to_look
        while time.monotonic() < end:
            app.processEvents()
            time.sleep(0.01)

    look(3)
    window.controls.buttons["Start"].click()
    look(seconds / 2)
    window.controls.buttons["Pause"].click()
    look(seconds / 10)
    window.controls.buttons["Resume"].click()
    look(seconds / 2)
    if not window.grab().save(str(PICTURE)):
        sys.exit(f"{PICTURE} cannot be written")
    director.abort()
    window.close()


def main() -> None:
    """Take the picture."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        take(start(facility, Path(folder)), 40)


if __name__ == "__main__":
    main()
