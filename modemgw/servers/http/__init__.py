"""The HTTP front door: native API, dialects of the providers, health, documentation."""

from modemgw.servers.http.app import HttpServer, make_app, start_http

__all__ = ["HttpServer", "make_app", "start_http"]
