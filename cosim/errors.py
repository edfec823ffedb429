"""Every exception this package raises on purpose.

::

    CosimError
    ├── ScenarioError      settings that cannot be played; carries all problems at once
    ├── ProfileError       load, solar, vehicle or heat-pump profiles that are missing or unusable
    ├── PriceError         a price file or price series that is missing or unusable
    ├── PolicyError        an unknown or unusable way to act
    ├── ControlError       a control of new plants, or plants, that cannot be played
    ├── SubmissionError    trades, a bid or a base case that cannot be judged
    ├── HostingError       a hosting-capacity study that cannot be done; all problems at once
    ├── PngError           pictures of a report that cannot be drawn on this machine
    ├── RunFolderError     a result folder that cannot be written or read
    └── SweepError         workers of a study that cannot be had, or a task that failed

`networks.errors.NetworkError` is raised for feeders; it lives with them. All of them carry
`problems`, a tuple of sentences that say what was found, where, and what is allowed.
The command line prints those and exits with code 2.
"""

from collections.abc import Iterable


class CosimError(Exception):
    """Raised when something a person gave cannot be used; holds every problem found."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        """Keep all `problems`; a single sentence may be given as a plain string."""
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))


class ScenarioError(CosimError):
    """Raised when a scenario cannot be played."""


class ProfileError(CosimError):
    """Raised when profiles are missing, do not cover a date or cannot be read."""


class PriceError(CosimError):
    """Raised when a price series is missing, has gaps, or is in the wrong unit."""


class PolicyError(CosimError):
    """Raised when a policy is unknown or does not fit the scenario."""


class ControlError(CosimError):
    """Raised when a control of new plants, or the plants themselves, cannot be played."""


class SubmissionError(CosimError):
    """Raised when trades, a bid or a base case that somebody hands over cannot be judged."""


class HostingError(CosimError):
    """Raised when settings of a hosting-capacity study contradict each other or its feeder."""


class PngError(CosimError):
    """Raised when there is no browser that draws pictures of a report, or it fails."""


class RunFolderError(CosimError):
    """Raised when a run folder cannot be written or is not a finished one."""


class SweepError(CosimError):
    """Raised when a study cannot be spread over workers, or a task of it failed."""
