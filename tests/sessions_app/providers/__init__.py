"""The providers against stand-ins that write their wire formats."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.contract", f"{__name__}.failing")
