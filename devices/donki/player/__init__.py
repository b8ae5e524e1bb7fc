"""The Player: its action script and its Tango device."""
