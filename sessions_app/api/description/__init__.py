"""The API's description for machines: OpenAPI for REST, AsyncAPI for sockets, the catalogue of problems."""
