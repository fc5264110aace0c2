"""Sessions that are shared: who else may read or change them."""
