"""One of several processes that train a model together: torchrun … -m glmtracks.training JOB.json"""

import json
import logging
import sys
from pathlib import Path

from glmtracks.errors import InputError
from glmtracks.training import run

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
try:
    run(**json.loads(Path(sys.argv[1]).read_text()))
except InputError as error:
    sys.exit(f"glmtracks: {error}")
