"""The command-line verbs, by subject: arguments in, one call, exit code out."""
