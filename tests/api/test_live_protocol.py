"""The tables of the WebSocket protocol say what is there, and docs/protocol.md says what they say."""

import re

import msgspec

from bus.live.protocol import CLOSES, METHODS, CloseCode
from tests.architecture.sources import ROOT

TEXT = (ROOT / "docs" / "protocol.md").read_text()


def rows(pattern: str) -> dict[str, str]:
    """First cell → rest of the line, of the tables' rows that begin so."""
    return dict(re.findall(rf"^\| ({pattern}) \|(.*)\|$", TEXT.partition("## WebSocket")[2], re.MULTILINE))


def test_every_close_code_is_documented_with_what_to_do() -> None:
    codes = {value for name, value in vars(CloseCode).items() if name.isupper()}
    documented = rows(r"4\d\d\d")
    assert {int(code) for code in documented} == codes == set(CLOSES)
    for code, meaning in CLOSES.items():
        said, then = (cell.strip() for cell in documented[str(code)].split("|"))
        assert said == meaning
        assert (then == "stay away") == (code >= 4400), code


def test_every_method_is_documented_with_its_fields_and_scope() -> None:
    documented = rows(r"`[a-z]+`")
    assert {name.strip("`") for name in documented} == set(METHODS)
    for name, method in METHODS.items():
        params, result, scope = (set(re.findall(r"[a-z:_]+", cell)) for cell in documented[f"`{name}`"].split("|"))
        assert params >= {field.name for field in msgspec.structs.fields(method.params or method.result)}
        assert result >= {field.name for field in msgspec.structs.fields(method.result)}
        assert scope == {method.scope} - {""} or name == "command"


def test_every_struct_of_the_protocol_has_a_json_schema() -> None:
    for method in METHODS.values():
        assert msgspec.json.schema(method.result)
        assert method.params is None or msgspec.json.schema(method.params)
