"""Sessions that are gone: what is deleted, after how long it is erased, and the proof that it was."""
