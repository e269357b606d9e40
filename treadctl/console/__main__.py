"""`python -m treadctl.console`."""

import gc
import sys

gc.disable()  # what is loaded stays: looking through it again and again while it is loaded takes a sixth of the start

from treadctl.console.serve import main  # noqa: E402 - after that

gc.enable()
gc.freeze()
sys.exit(main())
