"""What an admin changes in the settings of an account: pipelines and their stages, properties and options, subscription types.

As `users.py` is for records: without HTTP and without limits, under a person's name. Refusals are ApiError, with the message
the API would give. The shapes of bodies are those of the API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crm_emulator.hubspot.account import User
from crm_emulator.hubspot.pipelines import Pipelines
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.schema import Schema


class Settings:
    def __init__(self, portal: Portal, user: User) -> None:
        self._portal = portal
        self._user = user

    # Pipelines

    def add_pipeline(self, type: str, label: str, stages: Sequence[Mapping[str, Any]]) -> str:
        """Returns its id."""
        body = {"label": label, "stages": [dict(stage) for stage in stages]}
        return self._pipelines(type).create(body, self._portal.now_ms(), self._user.user_id).id

    def rename_pipeline(self, type: str, id: str, label: str) -> None:
        body = {"label": label}
        self._pipelines(type).update(id, body, self._portal.now_ms(), replace=False, user_id=self._user.user_id)

    def delete_pipeline(self, type: str, id: str) -> None:
        self._pipelines(type).delete(id, self._portal.now_ms(), self._user.user_id)

    def add_stage(self, type: str, pipeline: str, label: str, **metadata: str) -> str:
        """Returns its id. Deals need `probability`."""
        body = {"label": label, "metadata": metadata}
        return self._pipelines(type).add_stage(pipeline, body, self._portal.now_ms(), self._user.user_id).id

    def change_stage(self, type: str, pipeline: str, stage: str, label: str | None = None, **metadata: str) -> None:
        body: dict[str, Any] = {"metadata": metadata} if label is None else {"label": label, "metadata": metadata}
        self._pipelines(type).update_stage(pipeline, stage, body, self._portal.now_ms(), user_id=self._user.user_id)

    def delete_stage(self, type: str, pipeline: str, stage: str) -> None:
        """Records that stand in it keep the value."""
        self._pipelines(type).delete_stage(pipeline, stage, self._portal.now_ms(), self._user.user_id)

    # Properties

    def add_option(self, type: str, name: str, value: str, label: str | None = None) -> None:
        options = self._schema(type).get(name).options
        self._set_options(type, name, [*options, {"label": label or value, "value": value}])

    def remove_option(self, type: str, name: str, value: str) -> None:
        """Records that hold it keep it."""
        self._set_options(type, name, (one for one in self._schema(type).get(name).options if one["value"] != value))

    def relabel_option(self, type: str, name: str, value: str, label: str) -> None:
        self._edit_option(type, name, value, label=label)

    def hide_option(self, type: str, name: str, value: str) -> None:
        """*Hide in forms*: it can still be written."""
        self._edit_option(type, name, value, hidden=True)

    def relabel_property(self, type: str, name: str, label: str) -> None:
        """What a person calls renaming: the internal name cannot be changed."""
        self._schema(type).update(name, {"label": label}, self._portal.now_ms())

    def retype_property(self, type: str, name: str, to: str, field_type: str) -> None:
        """Values that are there stay as they are."""
        self._schema(type).update(name, {"type": to, "fieldType": field_type}, self._portal.now_ms())

    def hide_property(self, type: str, name: str, hidden: bool = True) -> None:
        self._schema(type).update(name, {"hidden": hidden}, self._portal.now_ms())

    # Subscriptions

    def add_subscription_type(self, name: str, description: str = "") -> int:
        """Returns its id."""
        return self._portal.add_subscription_type(name, description).id

    # Currencies

    def add_currency(self, code: str, rate: str) -> None:
        """A currency beside the company currency, or another rate of one from now on."""
        self._portal.add_currency(code, rate, self._portal.now_ms())

    # Users and teams

    def add_user(self, first_name: str, last_name: str, email: str) -> str:
        """Only so does HubSpot get an owner: the owners API is read-only. Returns the owner id."""
        made = self._portal.account.add_user(first_name, last_name, email)
        made.created_ms = made.updated_ms = self._portal.now_ms()
        return str(made.owner_id)

    def add_queue(self, name: str) -> str:
        return str(self._portal.account.add_queue(name, self._portal.now_ms()).owner_id)

    def deactivate(self, name: str, active: bool = False) -> None:
        """A deactivated user is an archived owner; records that it owns keep it."""
        user = self._portal.account.user(name)
        user.archived, user.updated_ms = not active, self._portal.now_ms()

    def add_team(self, name: str, *members: str) -> str:
        """Members by name or e-mail. Returns its id."""
        account = self._portal.account
        id = account.add_team(name)
        for member in members:
            self.join(member, id)
        return id

    def join(self, name: str, team_id: str, primary: bool = False) -> None:
        account = self._portal.account
        account.join(account.user(name), team_id, self._portal.now_ms(), primary=primary)

    # Inside

    def _edit_option(self, type: str, name: str, value: str, **changes: Any) -> None:
        options = self._schema(type).get(name).options
        self._set_options(type, name, ({**one, **changes} if one["value"] == value else one for one in options))

    def _set_options(self, type: str, name: str, options: Iterable[Mapping[str, Any]]) -> None:
        self._schema(type).update(name, {"options": [dict(one) for one in options]}, self._portal.now_ms())

    def _schema(self, type: str) -> Schema:
        return self._portal.table(type).schema

    def _pipelines(self, type: str) -> Pipelines:
        return self._portal.pipelines[self._portal.table(type).kind.key]
