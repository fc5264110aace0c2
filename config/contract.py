"""The settings of the REST contract: its description, and who may ask from where and how often. Part of `settings`."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Parley",
    "DESCRIPTION": "Sessions with language models, on a durable, replayable bus of messages.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": True,
    "POSTPROCESSING_HOOKS": [],
    "GET_MOCK_REQUEST": "sessions_app.api.description.openapi.no_request",
}
