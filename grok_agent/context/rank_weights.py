"""How much each signal of the ranking counts.

``LEARNED`` are log-odds by listwise logistic regression (Cao et al., 2007) on
1,390 commits of 33 repositories in several languages, each repository with the same say: the
commit's message was the task, the files that it changed were those to find, in the repository as it
was before. ``benchmarks/fit_rank.py`` makes them. ``GIVEN`` are chosen: messages of commits hold no
traces and name no files, tasks do.
"""

LEARNED = {
    "fields": 0.058,
    "subject": 0.904,
    "cover": 1.960,
    "identifiers": 0.098,
    "path": 0.667,
    "base": 0.738,
    "prefix": 0.583,
    "scope": 1.266,
    "profile": 0.276,
    "memory": 1.040,
    "best": 1.465,
    "recent": 2.964,
    "often": 1.199,
    "asked": -0.507,
    "markup": -0.094,
    "test": -1.486,
    "docs": -0.961,
    "aside": -1.216,
    "plain": -0.644,
    "foreign": -0.242,
}

GIVEN = {"given": 20.0, "named": 8.0, "module": 4.0, "quoted": 4.0}

WEIGHTS = LEARNED | GIVEN
