"""What a browser does, for tests of pages."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.test import Client


def shown(client: Client, path: str, status: int = 200) -> str:
    """A page as text."""
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def path_of(link: str) -> str:
    """The path of an absolute address."""
    return urlsplit(link).path


def page_of(model: type[Any], rest: str = "") -> str:
    """An admin page of a model."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{rest}"


def said(response: Any) -> str:
    """What an answer says."""
    text: str = response.content.decode()
    return text


_INLINE = re.compile(
    r"""<style|\sstyle=|<script(?![^>]*\s(?:src=|type="application/json"))[^>]*>|\son[a-z]+=["']|["']javascript:"""
)


def inline(page: str) -> list[str]:
    """What the policy would not let a browser carry out or apply."""
    return _INLINE.findall(page)
