"""Every recorded answer once more: a replaying vendor, the gateway before it, the real SDKs before both."""
