"""Reports and exports: PDF, CSV, JSON, FHIR and FIT, made from what the records hold."""
