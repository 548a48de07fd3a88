"""How gunicorn serves the no-op by its own worker with threads, in place of the gateway's."""

import runpy
from pathlib import Path

noop = runpy.run_path(str(Path(__file__).with_name("noop_conf.py")))
globals().update({name: value for name, value in noop.items() if name != "__name__"})
worker_class = "gthread"
