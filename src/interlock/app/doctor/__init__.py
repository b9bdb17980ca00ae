"""The preflight of `interlock doctor`, the set-up and the JSON API."""

from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.app.doctor.examination import as_document, examine, examine_sides

__all__ = ["ERROR", "OK", "WARNING", "Check", "Patient", "as_document", "examine", "examine_sides"]
