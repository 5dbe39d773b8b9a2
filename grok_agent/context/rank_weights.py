"""How much each signal counts.

Learned by listwise logistic regression (Cao et al., 2007) from 1,435 commits of 36 public
repositories in several languages, each repository with the same say: the commit's message was the
task, the files that it changed were those to find, in the repository as it was before.
"""

WEIGHTS = {
    "fields": 0.973,
    "body": 0.39,
    "marked": 0.445,
    "cover": 1.381,
    "subject": 0.802,
    "path": 0.551,
    "folder": 0.381,
    "base": 0.559,
    "prefix": 0.789,
    "scope": 1.212,
    "profile": 0.735,
    "memory": 0.838,
    "best": 1.127,
    "has": 0.322,
    "rare": 0.325,
    "defines": 0.23,
    "test": -2.189,
    "docs": -2.285,
    "aside": -1.683,
    "plain": -2.027,
    "markup": 0.319,
    "foreign": -0.515,
}
