"""`python -m treadctl.telemetry`."""

import sys

from treadctl.telemetry.main import main

sys.exit(main())
