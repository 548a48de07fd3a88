"""How gunicorn serves the parse-only app: exactly as the no-op."""

import runpy
from pathlib import Path

noop = runpy.run_path(str(Path(__file__).with_name("noop_conf.py")))
globals().update({name: value for name, value in noop.items() if name != "__name__"})
wsgi_app = "bench.parse_only:app"
