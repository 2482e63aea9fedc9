"""What Ley 29733 gives the person behind a client.

To see everything that is held (its article 19, access), and to have it erased (article 20, cancellation).
"""
