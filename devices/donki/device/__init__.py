"""What both Tango devices share: commands, errors, log, events, set points, calls to other devices."""
