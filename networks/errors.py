"""Every exception the feeder package raises on purpose."""

from collections.abc import Iterable


class NetworkError(Exception):
    """Raised when a feeder is unknown or holds what cannot be modelled; holds every problem.

    `problems` is a tuple of sentences: what was found, where (element kind and pandapower
    index), and what is allowed.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        """Keep all `problems`; a single sentence may be given as a plain string."""
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))


class NotConverted(NetworkError):
    """Raised when a second engine cannot hold a net that pandapower can."""
