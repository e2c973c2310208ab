"""``python -m tvbi_ref`` is ``tvbi-ref``."""

import sys

from tvbi_ref.cli import main

if __name__ == "__main__":
    sys.exit(main())
