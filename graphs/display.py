"""How a graph shows itself in a notebook: drawn there, not by a service on the network."""

from typing import Any

from langgraph.graph.state import CompiledStateGraph


class DrawnLocally(CompiledStateGraph[Any, Any, Any, Any]):
    """A compiled graph whose notebook picture is Mermaid text, which JupyterLab draws itself.

    LangGraph's own picture is made by sending the graph to mermaid.ink, and is an error offline.
    """

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        drawing = self.get_graph().draw_mermaid()
        return {"text/plain": drawing, "text/vnd.mermaid": drawing}
