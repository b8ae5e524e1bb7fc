"""A Director and a Player in a window of Taurus: ``taurus gui docs/how-to/taurus_gui.py``.

An example to copy: name your devices, and add those of the beamline. ``TANGO_HOST`` names the database.
"""

from taurus.qt.qtgui.taurusgui.utils import PanelDescription

DIRECTOR = "donki/director/1"
PLAYER = "donki/player/p0"

GUI_NAME = "donkiorchestra"


def form(title: str, device: str, *attributes: str) -> PanelDescription:
    """Return a panel with these attributes of a device."""
    model = [f"{device}/{attribute}" for attribute in attributes]
    return PanelDescription(title, classname="taurus.qt.qtgui.panel.TaurusForm", model=model, floating=False)


sequence = form(
    "Sequence",
    DIRECTOR,
    *("State", "Status", "Triggers", "Period", "RunTitle", "RunId"),
    *("CurrentTrigger", "Progress", "RemainingTime", "TriggerRate", "Overruns", "LastError"),
)
commands = PanelDescription(
    "Commands", classname="taurus.qt.qtgui.panel.TaurusCommandsForm", model=DIRECTOR, floating=False
)
player = form(
    "Player",
    PLAYER,
    *("State", "Status", "Priority", "Script", "Parameters", "Timeout", "OnError", "Retries"),
    *("LastTrigger", "LastDuration", "EventsSent", "MessagesSent", "BytesSent", "LastLog"),
)
