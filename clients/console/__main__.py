"""`python -m clients.console`: the same as `yj`, for the processes that `yj up` starts."""

import sys

from clients.console.main import main

sys.exit(main())
