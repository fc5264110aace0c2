"""How templates put words of `pages.names` into the reader's language."""

from django.template import Library

from sessions_app.pages import names

register = Library()
register.filter("called", names.called)
