"""The vendors' own figures beside ours."""
