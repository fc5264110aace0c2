"""The WSGI application: REST and pages without sockets, for processes that serve nothing live."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()  # before the imports below: they need the apps

from servestatic import ServeStatic  # noqa: E402

from config.static import with_static  # noqa: E402

application = with_static(ServeStatic, django_application)
