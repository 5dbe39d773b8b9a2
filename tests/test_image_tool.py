"""``extract_image_features`` in any LangChain application: text for the model, a typed artifact."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.prebuilt import ToolNode

from grok_agent.errors import ToolError
from grok_agent.tools.images import extract_image_features_tool
from grok_agent.tools.workspace import Workspace
from grok_agent.vision.features import ImageFeatures, extract, render

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"


def called(tool: BaseTool, **arguments: Any) -> ToolMessage:
    return tool.invoke(ToolCall(name=tool.name, args=arguments, id="1", type="tool_call"))


class TestStandard(ToolsUnitTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return extract_image_features_tool(Path)

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"image": str(PORTRAIT), "detail": "compact"}


def test_a_call_gives_text_and_the_typed_features() -> None:
    message = called(extract_image_features_tool(Path), image=str(PORTRAIT))
    assert message.status == "success"
    assert message.content == render(extract(PORTRAIT))
    assert isinstance(message.artifact, ImageFeatures)


def test_full_detail_adds_the_methods() -> None:
    tool = extract_image_features_tool(Path)
    assert "Peli 1990" not in tool.invoke({"image": str(PORTRAIT)})
    assert "Peli 1990" in tool.invoke({"image": str(PORTRAIT), "detail": "full"})


def test_inside_a_workspace_only_its_pictures_are_read(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    (tmp_path / "outside.jpg").write_bytes(PORTRAIT.read_bytes())
    tool = extract_image_features_tool(Workspace(root).resolve)
    assert called(tool, image="a.jpg").status == "success"
    assert called(tool, image="../outside.jpg").status == "error"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": "missing.jpg"}, "There is no file missing.jpg"),
        ({"image": "notes.jpg"}, "is text, not a picture"),
        ({"image": "notes.jpg", "detail": "more"}, "detail: Input should be 'compact' or 'full'"),
        ({}, "image is missing"),
    ],
)
def test_what_the_model_can_mend_comes_back_as_an_error_message(
    arguments: dict[str, str], words: str
) -> None:
    Path("notes.jpg").write_text("no picture")
    message = called(extract_image_features_tool(Path), **arguments)
    assert message.status == "error"
    assert words in message.content


def test_a_refused_path_comes_back_as_an_error_message() -> None:
    def refuse(path: str) -> Path:
        raise ToolError(f"{path} is off limits.", next_step="Ask for another.")

    message = called(extract_image_features_tool(refuse), image="a.jpg")
    assert (message.status, message.content) == ("error", "a.jpg is off limits. Ask for another.")


async def test_it_works_in_a_tool_node_of_langgraph() -> None:
    from langgraph.graph import END, START, MessagesState, StateGraph

    call = ToolCall(name="extract_image_features", args={"image": str(PORTRAIT)}, id="1")
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([extract_image_features_tool(Path)]))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    state = await graph.compile().ainvoke(
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    )
    assert state["messages"][-1].artifact == extract(PORTRAIT)
