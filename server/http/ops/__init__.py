"""The ops API: operators watch and steer the node (docs/ops-api.md)."""

from server.http.ops.routes import ops_application

__all__ = ["ops_application"]
