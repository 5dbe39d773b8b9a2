"""Pictures: prepared safely, measured, compared."""
