"""A client directory for field-service companies in Peru."""

__version__ = "0.1.0"
