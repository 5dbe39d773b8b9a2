"""The text-to-image prompt as data."""
