"""Makes the Grafana dashboards of the packs: `make packs` writes each pack's `dashboard.json`."""
