"""Who changed what and when: one line for every numbered change, written in the transaction of the change itself."""
