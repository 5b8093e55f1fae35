"""Kinds of field that several resources share."""

from typing import Annotated

from daemon.net.server.constraints import Length, Note, Pattern

Name = Annotated[str, Length(1, 200)]
Identifier = Annotated[str, Length(1, 64)]  # of ours
ForeignId = Annotated[str, Length(1, 200), Note("As the service knows it; case counts.")]
Url = Annotated[str, Length(8, 2000), Pattern(r"https?://[^\s]+")]
Token = Annotated[str, Length(1, 1000), Pattern(r"[\x21-\x7e]+")]  # it goes into a header
