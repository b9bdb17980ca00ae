"""The demo: the main job on real CRM data with nothing else set up. It alone, and `emulate`, know the local CRMs."""
