"""The catalogue of what scripts say, in the reader's language; `static/parley/words.js` uses it."""

from django.views.decorators.cache import cache_control
from django.views.decorators.vary import vary_on_headers
from django.views.i18n import JavaScriptCatalog

words = cache_control(private=True, max_age=3600)(
    vary_on_headers("Accept-Language", "Cookie")(JavaScriptCatalog.as_view(packages=["sessions_app"]))
)
