"""LangGraph state machines: the repository agent and the prompt agent."""
