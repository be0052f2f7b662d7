"""Model files: write, compare, open safely, find."""
