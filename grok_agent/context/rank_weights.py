"""How much each signal counts."""

WEIGHTS = {
    "fields": 1.0,
    "path": 0.15,
    "base": 0.15,
    "profile": 0.2,
    "best": 0.1,
    "rare": 0.2,
    "test": -0.5,
    "docs": -0.5,
    "aside": -0.5,
    "plain": -0.4,
    "foreign": -0.4,
}
