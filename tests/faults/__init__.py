"""The fault laboratory: what the service promises, tried in earnest on a real gunicorn and a real file.

Each trial says what went wrong, which must be nothing. Its control is the same trial on a service that breaks the
promise, where something must go wrong.
"""
