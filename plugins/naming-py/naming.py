"""Refuses user names that are reserved.

`reserved` of the plugin's configuration is a list of names; without it, these are.
"""

import json

from wit_world import exports
from wit_world.imports import config, log
from wit_world.imports.types import Issue

RESERVED = ["admin", "root", "system"]


class Validation(exports.Validation):
    def validate(self, ctx, candidate, current):
        """A list of issues; an empty one accepts. What is raised ends the call: the plugin has failed."""
        if ctx.resource_type != "User":
            return []
        user_name = json.loads(candidate.get("userName") or '""')
        if user_name.lower() not in reserved():
            return []
        log.write("info", f"{ctx.operation} of a reserved name refused")
        detail = f'The name "{user_name}" is reserved.'
        return [Issue(path="userName", scim_type="invalidValue", detail=detail)]


def reserved():
    configured = config.get("reserved")
    return RESERVED if configured is None else json.loads(configured)
