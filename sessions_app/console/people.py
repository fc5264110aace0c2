"""Users and groups in the console: Django's own pages, with the console's looks. Imported by `sessions_app.admin`."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth import admin as django_admin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from bus.admin import BoundedPaginator
from sessions_app.auditing import Audited

if TYPE_CHECKING:  # generic for mypy only
    Users = django_admin.UserAdmin[User]
else:
    Users = django_admin.UserAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(Users, Audited):
    """Who may log in, and what operators may do."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")


@admin.register(Group)
class GroupAdmin(django_admin.GroupAdmin, Audited):
    """Rights that several operators share."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
