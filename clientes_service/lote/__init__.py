"""Batches: many writes of clients in one request, each as if it had come alone, and each with a key to repeat it by."""
