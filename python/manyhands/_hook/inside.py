"""The script for an interpreter whose options forbid the hook beside it: runs the program inside (`_inside`)."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from manyhands._inside import main

main()
