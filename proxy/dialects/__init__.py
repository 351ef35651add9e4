"""What callers speak: one folder per dialect of the calls door. Pure values: no IO, no Django."""
