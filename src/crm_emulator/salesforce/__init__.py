"""Salesforce, locally: an emulator of the parts of its REST API that a CRM sync uses, built from its documentation and
recordings of real orgs."""

from crm_emulator.salesforce.emulator import SalesforceEmulator
from crm_emulator.salesforce.errors import ApiError
from crm_emulator.salesforce.ids import checksum, to_18

__all__ = ["ApiError", "SalesforceEmulator", "checksum", "to_18"]
