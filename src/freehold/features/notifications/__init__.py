"""Notifications: what waits in the inbox is told by e-mail and to a webhook."""
