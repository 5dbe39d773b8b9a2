"""How much each signal of the ranking counts.

``LEARNED`` are log-odds by listwise logistic regression (Cao et al., 2007) on
1,435 commits of 36 repositories in several languages, each repository with the same say: the
commit's message was the task, the files that it changed were those to find, in the repository as it
was before. ``benchmarks/fit_rank.py`` makes them. ``GIVEN`` are chosen: messages of commits hold no
traces and name no files, tasks do.
"""

LEARNED = {
    "fields": 0.08,
    "subject": 0.89,
    "cover": 1.84,
    "identifiers": 0.3,
    "path": 0.7,
    "base": 0.73,
    "prefix": 0.78,
    "scope": 1.01,
    "profile": 0.45,
    "memory": 0.76,
    "best": 1.52,
    "recent": 3.0,
    "often": 1.38,
    "asked": 1.5,
    "markup": 0.43,
    "test": -2.34,
    "docs": -2.57,
    "aside": -1.48,
    "plain": -2.08,
    "foreign": -0.46,
}

GIVEN = {"given": 20.0, "named": 8.0, "module": 4.0, "quoted": 4.0}

WEIGHTS = LEARNED | GIVEN
