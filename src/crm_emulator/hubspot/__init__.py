"""HubSpot, locally: an emulator of the CRM parts of its public API, built from its documentation and recordings."""

from crm_emulator.hubspot.emulator import HubSpotEmulator
from crm_emulator.hubspot.errors import ApiError

__all__ = ["ApiError", "HubSpotEmulator"]
