"""*Connect to a new sandbox*: a connection goes over from one sandbox to another (docs/keep.md).

offer.py       somebody has signed in to the other sandbox: what going over would mean, and giving it up
switch.py      from here on it belongs to the new org, paused; what named records of the old one is set aside
prepare.py     behind the page: the package, HubSpot's stored ids, a preview
stored_ids.py  which of the ids that HubSpot holds are proven to name the same record in the new org
begin.py       a person has seen the preview: it syncs
"""
