"""Hides the passwords in addresses, so that no message, log or report shows one."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = r"\1***"
_USER_INFO: Final = re.compile(r"(://[^:/]*:).*(?=@)", re.DOTALL)
_PARAMETER: Final = re.compile(r"([?&]\w*password\w*=)[^&]*", re.IGNORECASE)  # libpq: password, sslpassword


def redact(text: str) -> str:
    """Replace the password of a URL by ***, after the user's name and among the parameters.

    A password that is not percent-encoded may contain any character. So everything up to the last @ is hidden, even
    where that includes more than the password.
    """
    return _USER_INFO.sub(HIDDEN, _PARAMETER.sub(HIDDEN, text))
