"""The clients: their rules, their table, what can be done to them, and their endpoints."""
