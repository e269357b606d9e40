"""Fall detectors judged: on recordings, and by what their alarms do to the belt."""
