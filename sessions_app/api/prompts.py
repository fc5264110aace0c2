"""REST for named prompts: what operators wrote for everybody."""

from typing import Annotated, Any

from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app.api import shapes
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import listed, whole_number
from sessions_app.api.views import Resource
from sessions_app.orchestration import prompts
from sessions_app.orchestration.prompts import PromptText
from sessions_app.represent import moment


class PromptsView(Resource):
    """`prompts/`"""

    noun = "prompts"

    @describes("list_prompts", gives=shapes.Page[shapes.PromptInfo])
    def get(self, request: Request) -> Response:
        """The newest version of each prompt, without its text."""
        return listed(request, prompts.catalogue(), None, _listed)


class PromptView(Resource):
    """`prompts/{name}/`"""

    noun = "prompts"

    @describes(
        "get_prompt",
        gives=shapes.Prompt,
        query=(Parameter("version", Annotated[int, Meta(ge=0)], "that one, not the newest"),),
    )
    def get(self, request: Request, name: str) -> Response:
        """One prompt in its newest version, or in that `version`; 0 is the one that came with the server."""
        prompt = prompts.find(name, whole_number(request, "version"))
        shown = _listed(prompt) | {"system": prompt.system, "user": prompt.user, "versions": prompts.versions(name)}
        return Response(shown | _variables(prompt))


def _listed(prompt: PromptText) -> dict[str, Any]:
    return {
        "name": prompt.name,
        "version": prompt.version,
        "description": prompt.description,
        "created_at": moment(prompt.created_at),
    }


def _variables(prompt: PromptText) -> dict[str, Any]:
    """A prompt that another one's change has broken is shown, with what is wrong."""
    try:
        return {"variables": sorted(prompts.variables(prompt)), "problem": None}
    except Invalid as refused:
        return {"variables": None, "problem": refused.detail}
