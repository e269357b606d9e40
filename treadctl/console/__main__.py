"""`python -m treadctl.console`."""

import sys

from treadctl.console.serve import main

sys.exit(main())
