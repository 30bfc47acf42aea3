"""The door to other servers: pictures by URL, from public addresses only, within a time and a size."""

from imgsvc.fetch.fetcher import Fetched, Fetcher
from imgsvc.fetch.rules import Hosts, Rules, hosts

__all__ = ["Fetched", "Fetcher", "Hosts", "Rules", "hosts"]
