"""The tool ``explore``: a sub-agent that reads, and answers with the places it rests on.

It has a small context of its own, tools that only read, and the same loop with the same guards. It
spends of the budget of the run that calls it, under the same conversation id.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from langgraph.graph.message import add_messages
from pydantic import Field, PrivateAttr

from grok_agent.context.history import HistoryLimits
from grok_agent.errors import ToolError
from grok_agent.graphs.answers import last_words
from grok_agent.graphs.begin import begin
from grok_agent.graphs.instructions import EXPLORE
from grok_agent.graphs.loop import Loop, following
from grok_agent.graphs.once import Once
from grok_agent.graphs.places import places_in, unsound
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.request import tell
from grok_agent.graphs.share import Share, Spent
from grok_agent.graphs.state import Budget, LoopState, Update
from grok_agent.graphs.survey import survey
from grok_agent.graphs.work import FirstLook, Notice, Verdict
from grok_agent.tools import reading_tools
from grok_agent.tools.results import Explored
from grok_agent.tools.workspace import Workspace
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

MAX_REQUESTS = 16
MAX_INPUT_TOKENS = 64_000
"""Of one request of the sub-agent; its old turns leave long before."""

HISTORY = HistoryLimits(least_tokens=12_000, most_tokens=40_000)
LAST_WORD = "This is your last request: answer now, with what you have found."
STEPS_OF_NO_GRAPH = 1_000_000


class ExploreArguments(Arguments):
    """Arguments of ``explore``."""

    question: str = Field(min_length=1, description="What to find out, in whole sentences.")
    paths: list[str] = Field(
        default_factory=list, description="Files or folders to begin with, if you know any."
    )


class Explore(WorkspaceTool):
    """Finds something out in a workspace, by reading only.

    ``model`` answers. ``budget`` holds for each call outside a run; in a run, the run's does.
    """

    name: str = "explore"
    description: str = (
        "Let a sub-agent find something out by reading many files, so that you need not read them:"
        " it answers with file:line. It knows only your question, changes nothing and runs nothing."
        " Several run at the same time. For one file or one name, read_file and grep cost less."
    )
    arguments = ExploreArguments
    model: Any = Field(exclude=True, repr=False)
    budget: Budget = Field(default_factory=Budget, exclude=True, repr=False)
    _share: Share | None = PrivateAttr(default=None)

    def within(self, share: Share) -> Self:
        """The tool for one step of a run, whose budget it shares."""
        tool = self.model_copy()
        tool._share = share
        return tool

    def carry_out(self, arguments: ExploreArguments) -> Explored:
        """Find it out. Raises ToolError for a path that is not there."""
        for path in arguments.paths:
            if not self.workspace.resolve(path).exists():
                raise ToolError(f"{path} does not exist.", next_step="Name it as list_dir does.")
        share = self._share or _share_of_its_own(self.budget)
        return _Explorer(self.model, self.workspace, share).find_out(arguments)


@dataclass(frozen=True)
class ExploreWork:
    """What a sub-agent does, as the loop sees it."""

    workspace: Workspace
    paths: Sequence[str] = ()
    job: str = "explore"
    system: str = EXPLORE
    second_chances: int = 1
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def tools(self, images: Sequence[str]) -> Sequence[Any]:
        """Tools that read files."""
        return reading_tools(self.workspace)

    def survey(self, task: str, images: Sequence[str]) -> FirstLook:
        """The first look at the repository, and where to begin."""
        begin_with = f"\n\nbegin with: {', '.join(self.paths)}" if self.paths else ""
        return FirstLook(survey(self.workspace, None, task) + begin_with)

    def is_settled(self, state: LoopState) -> bool:
        """Never: the model says when it has found out."""
        return False

    def verify(self, state: LoopState) -> Verdict:
        """Every place that the answer names has to exist."""
        wrong = unsound(places_in(last_words(state), self.workspace), self.workspace)
        if not wrong:
            return Verdict()
        named = "; ".join(f"{place} ({why})" for place, why in wrong)
        return Verdict(
            problem=f"These places do not exist: {named}. Look again, correct or leave out what"
            " rests on them, and give the whole answer anew.",
            reason="The answer names places that do not exist.",
        )

    def results(self, state: LoopState, notice: Notice) -> Mapping[str, Any]:
        """Nothing besides the answer."""
        return {}


class _Explorer:
    """Drives the loop of one sub-agent by hand, inside a tool call of another run."""

    def __init__(self, model: BaseChatModel, workspace: Workspace, share: Share) -> None:
        self._share = share
        self._agent = share.new_agent("explore")
        self._model = model
        # The same files under the same rules; what it reads does not count as read by the caller.
        self._workspace = Workspace(
            workspace.root,
            permission="plan",
            scratch=workspace.scratch,
            limits=workspace.limits,
            rules=workspace.leaves.rules,
        )

    def find_out(self, asked: ExploreArguments) -> Explored:
        work = ExploreWork(self._workspace, asked.paths)
        budget = Budget(max_usd=None, max_steps=MAX_REQUESTS, max_input_tokens=MAX_INPUT_TOKENS)
        record = _Named(self._share, self._agent, _key(asked))
        loop = Loop(self._model, work, budget, record, HISTORY)
        state = self._run(loop, asked.question)
        answer, stop = last_words(state), state["stop"]
        assert stop  # the loop ends with it
        places = places_in(answer, self._workspace)
        wrong = dict(unsound(places, self._workspace))
        return Explored(
            agent=self._agent,
            status=stop["status"],
            reason=stop["reason"],
            answer=answer,
            places=tuple(
                (str(place), place.line_in(self._workspace))
                for place in places
                if place not in wrong
            ),
            wrong=tuple((str(place), why) for place, why in wrong.items()),
            requests=state["steps"],
        )

    def _run(self, loop: Loop, question: str) -> LoopState:
        config = _config(self._share)
        began = time.monotonic()
        state = LoopState(task=question, messages=[], remaining_steps=STEPS_OF_NO_GRAPH)
        node = "survey"
        while node != "finish":
            state = _merged(state, getattr(loop, node)(state, config))
            state["seconds"] = time.monotonic() - began
            if node == "call_model":
                self._share.note(self._agent, Spent.of(state))
            node = following(node, state)
            if node == "call_model":
                state = self._before_request(loop, state)
                node = following("guard", state)
        return state

    def _before_request(self, loop: Loop, state: LoopState) -> LoopState:
        if end := self._share.over(loop.model.profile, loop.model.ratio):
            return _merged(state, {"stop": end})
        if state["steps"] == MAX_REQUESTS - 1:
            return _merged(state, tell(state, LAST_WORD))
        return state


class _Named(Recorder):
    """Passes on the events of a sub-agent under its name, without those of a whole run."""

    def __init__(self, share: Share, agent: str, key: str) -> None:
        super().__init__(None)
        self._share = share
        self._agent = agent
        self._key = key

    def once(
        self,
        state: LoopState,
        config: RunnableConfig,
        step: int,
        workspace: Workspace | None = None,
        agent: str = "",
    ) -> Once:
        """What earlier processes have done of this, by the record of the run."""
        if self._share.record is None:
            return super().once(state, config, step, workspace)
        return self._share.record.once(state, self._share.config, step, workspace, self._key)

    def send(self, run_id: str, event: str, unless: str = "", /, **fields: Any) -> None:
        """Hand the event to the run's recorder, if there is one."""
        if self._share.record is None or event in ("start", "survey", "end"):
            return
        if event == "model":  # the sum is the run's
            fields["total_usd"] = self._share.usd_with(self._agent, fields["total_usd"])
        self._share.record.send(run_id, event, unless, agent=self._agent, **fields)


def _key(asked: ExploreArguments) -> str:
    """A name that is the same when the call is run again; names by order are not."""
    words = "\0".join([asked.question, *asked.paths])
    return f"explore {sha256(words.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _config(share: Share) -> RunnableConfig:
    """The caller's, without the graph's own keys: nothing here is a step of that graph, nor does
    it belong to the messages that the graph streams."""
    config = RunnableConfig(configurable={"thread_id": share.run_id}, tags=[TAG_NOSTREAM])
    if callbacks := share.config.get("callbacks"):
        config["callbacks"] = callbacks
    return config


def _merged(state: LoopState, update: Update) -> LoopState:
    messages = add_messages(cast(Any, state["messages"]), update.get("messages", []))
    return cast(LoopState, {**state, **update, "messages": messages})


def _share_of_its_own(budget: Budget) -> Share:
    _, state = begin({"task": "explore"}, RunnableConfig())
    state["remaining_steps"] = STEPS_OF_NO_GRAPH
    return Share(state, budget, RunnableConfig(), None)
