"""How gunicorn serves the gateway without its journal: exactly as the whole gateway."""

import runpy
from pathlib import Path

gateway = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))
globals().update({name: value for name, value in gateway.items() if name != "__name__"})
wsgi_app = "bench.unjournalled:app"
