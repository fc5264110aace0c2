"""Bodies that are no JSON, no object, or hold what cannot be stored: what hostile clients send to every address."""

NOT_JSON: dict[str, bytes] = {
    "cut off": b'{"title": "x',
    "single quotes": b"{'title': 'x'}",
    "trailing comma": b'{"title": "x",}',
    "comment": b'{"title": "x"} // y',
    "two documents": b"{}{}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "bad utf-8": b'{"title": "\xff\xfe"}',
    "overlong utf-8": b'{"title": "\xc0\xaf"}',
    "encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "utf-16": '{"title": "x"}'.encode("utf-16"),
    "form": b"title=x",
    "only spaces": b"   ",
    "raw NUL": b'{"title": "a\x00b"}',
    "raw newline": b'{"title": "a\nb"}',
    "5 MB": b'{"title": "' + b"x" * 5_000_000 + b'"}',
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
}

NO_OBJECT: dict[str, bytes] = {"array": b"[]", "string": b'"x"', "null": b"null", "number": b"1", "true": b"true"}

MALFORMED_VALUES: dict[str, bytes] = {
    "NUL": b'"a\\u0000b"',
    "NUL in a key": b'{"a\\u0000": 1}',
    "high surrogate": b'"\\ud800"',
    "high surrogate before text": b'"\\ud800abcdefgh"',
    "low surrogate": b'"\\udc00 and more"',
    "two high surrogates": b'"\\ud800\\ud800"',
    "surrogate in a key": b'{"\\udfff key": 1}',
    "200 deep": b"[" * 200 + b"]" * 200,
    "200 deep objects": b'{"a":' * 200 + b"1" + b"}" * 200,
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "60,000 values": b"[" + b"0," * 60_000 + b"0]",
    "2 ** 70": str(2**70).encode(),
    "2 ** 63": str(2**63).encode(),
    "-2 ** 63 - 1": str(-(2**63) - 1).encode(),
    "5,000 digits": b"9" * 5000,
    "1e400": b"1e400",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "hexadecimal": b"0x10",
    "undefined": b"undefined",
}
