"""Spreadsheets in and out: a row becomes a client by the API's own rules, a client a row of CSV, XLSX or NDJSON."""
