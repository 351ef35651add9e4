"""Teams and their keys: what they spend, and the keys that leads make, rotate and revoke themselves."""
