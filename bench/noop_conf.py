"""How gunicorn serves the no-op: exactly as the gateway, but there is no database to let go of."""

import runpy
from pathlib import Path

gateway = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))
globals().update(
    {name: value for name, value in gateway.items() if name not in {"__name__", "post_fork"}}
)
wsgi_app = "bench.noop:app"
