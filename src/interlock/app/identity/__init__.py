"""Who may be one: suggestions to review, and duplicates within one CRM. core/identity decides; here records are read for it."""
