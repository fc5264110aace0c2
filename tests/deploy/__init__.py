"""Tests of what runs Parley on a server: the image, the compose file, the proxy."""
