"""Attacks on a running service: what hostile pictures, clients and faults do to it, as a table of figures."""
