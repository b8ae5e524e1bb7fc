"""Raw readouts: events as UDP packets, the way detectors' front ends send them to an event formation unit."""
