"""Whether this machine can serve calls with these settings, and what would go wrong."""

from server.doctor.findings import Finding, Verdict
from server.doctor.rounds import examine

__all__ = ["Finding", "Verdict", "examine"]
