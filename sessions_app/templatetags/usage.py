"""How templates put numbers of `pages.usage` into words."""

from django.template import Library

from sessions_app.pages import usage

register = Library()
register.filter("count", usage.count)
register.filter("short", usage.short)
register.filter("money", usage.money)
register.filter("seconds", usage.seconds)
