"""What Ley 29733 gives the person behind a client: to see everything that is held (its article 19, access)."""
