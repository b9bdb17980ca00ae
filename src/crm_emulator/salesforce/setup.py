"""What a new org holds before anybody works in it: the organisation's row, profiles, users, opportunity stages, lead
statuses. The same for every org of one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crm_emulator.salesforce import features
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.store import Record, Value

# Name, probability, closed, won, forecast category: the stages that a new org comes with.
_STAGES = (
    ("Prospecting", 10, False, False, "Pipeline"),
    ("Qualification", 10, False, False, "Pipeline"),
    ("Needs Analysis", 20, False, False, "Pipeline"),
    ("Value Proposition", 50, False, False, "Pipeline"),
    ("Id. Decision Makers", 60, False, False, "Pipeline"),
    ("Perception Analysis", 70, False, False, "Pipeline"),
    ("Proposal/Price Quote", 75, False, False, "Pipeline"),
    ("Negotiation/Review", 90, False, False, "Pipeline"),
    ("Closed Won", 100, True, True, "Closed"),
    ("Closed Lost", 0, True, False, "Omitted"),
)
_CATEGORY_LABELS = {"BestCase": "Best Case", "Forecast": "Commit"}
PASSWORD = "user-password"  # of every person, as the sign-in page says
CONVERTED_STATUS = "Closed - Converted"
_STATUSES = ("Open - Not Contacted", "Working - Contacted", CONVERTED_STATUS, "Closed - Not Converted")

# What else the System Administrator of a new org may do, of the permissions that this org knows.
_ADMINISTRATION = (
    "ModifyAllData",
    "ViewAllData",
    "CustomizeApplication",
    "ModifyMetadata",
    "ManageProfilesPermissionsets",
)


@dataclass(frozen=True, slots=True)
class OrgUser:
    id: str
    name: str
    email: str
    username: str
    password: str


def furnish(org: Org) -> list[OrgUser]:
    """Fill a bare org. Returns its users: the integration user first, then an administrator, then a salesperson."""
    admin = add_profile(org, "System Administrator", admin=True)
    standard = add_profile(org, "Standard User")
    users = [
        add_user(org, "Integration User", "integration@example.com", profile=admin),
        add_user(org, "Admin User", "admin@example.com", profile=admin),
        add_user(org, "Sales User", "sales@example.com", profile=standard),
    ]
    _organisation(org, users[1].id)
    for order, (name, probability, closed, won, category) in enumerate(_STAGES, 1):
        add_stage(org, name, probability, closed=closed, won=won, category=category, order=order)
    for name in _STATUSES:
        add_lead_status(org, name, converted=name == CONVERTED_STATUS)
    features.switch_on(org, org.config.features)
    return users


def add_profile(org: Org, name: str, *, admin: bool = False, api: bool = True) -> Record:
    """With the permission set that Salesforce keeps behind every profile."""
    held = ("ViewSetup", *(("ApiEnabled",) if api else ()), *(_ADMINISTRATION if admin else ()))
    rights: dict[str, Value] = {f"Permissions{permission}": True for permission in held}
    profile = org.insert_setup("Profile", {"Name": name, **rights})
    api_name = f"X00e{name.replace(' ', '')}"
    org.insert_setup(
        "PermissionSet",
        {"Name": api_name, "Label": api_name, "ProfileId": profile.id, "IsOwnedByProfile": True, **rights},
    )
    return profile


def add_user(
    org: Org,
    name: str,
    email: str,
    *,
    profile: Record | None = None,
    active: bool = True,
    username: str | None = None,
    user_type: str = "Standard",
) -> OrgUser:
    first, _, last = name.rpartition(" ")
    if profile is None:
        profiles = org.tables["Profile"].rows.values()
        profile = next(row for row in profiles if row.values.get("Name") == "Standard User")
    values: dict[str, Value | None] = {
        "Username": username or f"{email}.{org.org_id[:15].lower()}",
        "FirstName": first or None,
        "LastName": last,
        "Email": email,
        "Alias": (first[:1] + last)[:8].lower(),
        "CommunityNickname": email.partition("@")[0][:40],
        "IsActive": active,
        "ProfileId": profile.id,
        "UserType": user_type,
        "TimeZoneSidKey": "GMT",
        "LocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "CurrencyIsoCode": org.features.corporate_currency,
        "DefaultCurrencyIsoCode": org.features.corporate_currency,
    }
    record = org.insert_setup("User", {key: value for key, value in values.items() if value is not None})
    return OrgUser(record.id, name, email, str(values["Username"]), PASSWORD)


def _organisation(org: Org, admin_id: str) -> None:
    table = org.tables["Organization"]
    record = Record(table, org.org_id, admin_id, org.now_s())
    values: dict[str, Any] = {
        "Name": org.config.org_name,
        "OrganizationType": org.config.edition,
        "InstanceName": "LOCAL1",
        "IsSandbox": org.config.sandbox,
        "TimeZoneSidKey": "GMT",
        "DefaultLocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US",
        "Country": "US",
        "FiscalYearStartMonth": 1,
        "DefaultAccountAccess": "Edit",
        "DefaultContactAccess": "ControlledByParent",
        "DefaultOpportunityAccess": "Edit",
        "DefaultLeadAccess": "ReadEditTransfer",
    }
    record.values = {name: value for name, value in values.items() if value}
    table.insert(record)


def add_lead_status(org: Org, name: str, *, converted: bool) -> None:
    field = org.objects["Lead"].fields["Status"]
    if name not in field.picklist_order:
        field.add_picklist_value(name)
    order = len(org.tables["LeadStatus"].rows) + 1
    values: dict[str, Value] = {"MasterLabel": name, "ApiName": name, "SortOrder": order}
    org.insert_setup("LeadStatus", {**values, "IsDefault": order == 1, "IsConverted": converted})


def add_stage(
    org: Org, name: str, probability: float, *, closed: bool, won: bool, category: str, order: int | None = None
) -> None:
    field = org.objects["Opportunity"].fields["StageName"]
    if name not in field.picklist_order:
        field.add_picklist_value(name)
    values: dict[str, Value] = {
        "MasterLabel": name,
        "ApiName": name,
        "IsActive": True,
        "SortOrder": order or len(field.picklist_order),
        "IsClosed": closed,
        "IsWon": won,
        "ForecastCategory": category,
        "ForecastCategoryName": _CATEGORY_LABELS.get(category, category),
        "DefaultProbability": float(probability),
    }
    org.insert_setup("OpportunityStage", values)
