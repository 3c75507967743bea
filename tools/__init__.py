"""Tools for who works on this repository; nothing of flowconv imports them."""
