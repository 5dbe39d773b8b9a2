"""Tools for LangChain applications, bound to one guarded workspace."""
