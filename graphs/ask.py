"""One request to the model, and what becomes of its answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig

from grok_agent.context.token_ratio import Ratio, ratio_of
from grok_agent.errors import GatewayError, SpendingCapError, ToolError
from grok_agent.gateway.faults import (
    ContentRefusedError,
    ContextTooLongError,
    IncompleteAnswerError,
)
from grok_agent.gateway.ledger import Cost, Usage, cost_of
from grok_agent.graphs.answers import cut_of, problem_of, refusal_of, with_own_ids
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.request import compose, count_answer, tell
from grok_agent.graphs.secrecy import without_secrets
from grok_agent.graphs.state import LoopState, Status, Update, ending, stop
from grok_agent.graphs.window import after_overflow
from grok_agent.profile import Profile, profile_of
from grok_agent.vision.prepare import hydrate

SOUND_SHARE = 0.5  # of our count; some relays leave cached tokens out of the prompt's
MAX_INCOMPLETE = 2  # answers in a row that are asked for again
NOTE_QUESTION = """\
The results of your older calls are about to leave this conversation. Write down, in at most 300
words and without calling a tool, what you have learned that the task still needs: decisions and
their reasons, names, places as file:line, and what remains to be done."""
MAX_NOTE_CHARS = 4_000
MAX_REPAIRS = 1  # unusable answers in a row that get a word of repair


class Model:
    """The chat model with the tools of one agent; nothing of an unusable answer is kept."""

    def __init__(
        self,
        model: BaseChatModel,
        schemas: Sequence[dict[str, Any]],
        options: Mapping[str, Any],
        record: Recorder,
    ) -> None:
        self.profile = profile_for(model)
        self._sends_conversation = hasattr(model, "conversation_id")
        self._unbound = model
        self._model = model.bind_tools(schemas, **options)
        self._max_tokens = options.get("max_tokens")
        self._record = record

    @property
    def ratio(self) -> Ratio:
        """How many tokens the gateway bills for one that is counted here, as known now."""
        return ratio_of(self._unbound)

    def ask(self, state: LoopState, system: str, config: RunnableConfig) -> Update:
        """Send one request; returns the answer, or what is to be done without one."""
        began = time.monotonic()
        asked: Update = {"steps": state["steps"] + 1}
        once = self._record.once(state, config, asked["steps"])
        again = once.has_answer()
        try:
            answer = once.answer(lambda: with_own_ids(self._send(state, system, config)))
        except (GatewayError, ToolError) as error:
            return asked | self._recover(state, error)
        except SpendingCapError as error:  # nothing was sent
            return {"stop": ending("over_budget", str(error), limit="usd")}
        except ContextOverflowError as error:  # of another chat model than ours
            if not (update := self._smaller(state, str(error))):
                raise
            return asked | update
        sizes = self._sizes(state, answer)
        asked |= self._account(state, answer)
        now = cast(LoopState, {**state, **asked})
        cost = cost_of(answer, self.profile)
        self._record.answer(now, answer, cost, time.monotonic() - began, again=again)
        return asked | self._judge(now, answer, sizes)

    def note(self, state: LoopState, system: str, config: RunnableConfig) -> tuple[str, Update]:
        """What the model itself wants to remember, asked on the same prefix, and the bill for it.

        "" where nothing comes of it: that must not end a run, since the ledger has what was done.
        """
        began = time.monotonic()
        asked: Update = {"steps": state["steps"] + 1}
        once = self._record.once(state, config, asked["steps"])
        again = once.has_answer()
        try:
            answer = once.answer(lambda: self._send(state, system, config, NOTE_QUESTION))
        except (GatewayError, ToolError, SpendingCapError) as error:
            self._record.notice(state, f"The model could not be asked for notes: {error}")
            return "", asked
        asked |= self._account(state, answer)
        now, cost = cast(LoopState, {**state, **asked}), cost_of(answer, self.profile)
        self._record.answer(now, answer, cost, time.monotonic() - began, again=again)
        return str(answer.text).strip()[:MAX_NOTE_CHARS], asked

    def _send(
        self, state: LoopState, system: str, config: RunnableConfig, question: str = ""
    ) -> AIMessage:
        options: dict[str, Any] = {}
        if self._sends_conversation:
            options["conversation_id"] = state["run_id"]
        if self._max_tokens and state["incomplete"]:  # reasoning may have taken the room
            options["max_tokens"] = self._max_tokens * 2 ** state["incomplete"]
        asked = [*compose(state, system), *([HumanMessage(question)] if question else [])]
        messages = without_secrets(asked, self._record.secrets)
        return self._model.invoke(hydrate(messages), config, **options)

    def _account(self, state: LoopState, answer: AIMessage) -> Update:
        """What the answer adds to the bill."""
        usage = Usage.of(answer) or Usage()
        cost = Cost(**state["cost"]) + cost_of(answer, self.profile)
        if cost.usd is None and state["cost"]["usd"] is not None:
            text = "What this run costs is not known, so no limit in dollars can end it."
            self._record.notice(state, text)
        return {
            "model": str(answer.response_metadata.get("model_name") or ""),
            "usage": asdict(Usage(**state["usage"]) + usage),
            "cost": asdict(cost),
        }

    def _sizes(self, state: LoopState, answer: AIMessage) -> Update:
        """What the answer, once it is kept, adds to the next request."""
        usage = Usage.of(answer) or Usage()
        grown = state["context_tokens"] + count_answer(answer)
        measured = usage.input_tokens + usage.output_tokens
        is_sound = usage.input_tokens > 0 and measured > grown * SOUND_SHARE
        return {
            "context_tokens": measured if is_sound else grown,
            "measured_tokens": measured if is_sound else state.get("measured_tokens", 0),
        }

    def _judge(self, state: LoopState, answer: AIMessage, sizes: Update) -> Update:
        if refusal := refusal_of(answer):
            return {"messages": [answer], **sizes, **stop("refused", refusal)}
        if cut := cut_of(answer):
            incomplete = IncompleteAnswerError(cut)
            incomplete.retryable = False  # word for word it would be cut again
            return self._recover(state, incomplete)
        problem = problem_of(answer)
        if not problem:
            return {"messages": [answer], **sizes, "incomplete": 0, "repairs": 0}
        if state["repairs"] >= MAX_REPAIRS:
            return stop("stuck", f"The model's answers cannot be used: {problem}.")
        repair = (
            f"Your last answer could not be used: {problem}. Answer again: call tools with"
            " arguments that are one JSON object each, or give your final answer as text."
        )
        return {"incomplete": 0, "repairs": state["repairs"] + 1, **tell(state, repair)}

    def _smaller(self, state: LoopState, what: str) -> Update:
        """The update by which the next request is smaller; empty where nothing can leave it."""
        update = after_overflow(state)
        if update:
            self._record.notice(state, f"{what} The request is made smaller.")
        return update

    def _recover(self, state: LoopState, error: GatewayError | ToolError) -> Update:
        """Ask again for an answer that is not whole, at first word for word; else end the run."""
        if isinstance(error, ContextTooLongError) and (update := self._smaller(state, error.what)):
            return update
        times = state["incomplete"] + 1
        if not isinstance(error, IncompleteAnswerError) or times > MAX_INCOMPLETE:
            return failure(error)
        text = f"{error.what} It is asked for again; what it cost is not in the sum."
        self._record.notice(state, text)
        if times == 1 and error.retryable:
            return {"incomplete": times}
        repair = f"Your last answer was not whole: {error.what} Answer again, in smaller steps."
        return {"incomplete": times, **tell(state, repair)}


def profile_for(model: BaseChatModel) -> Profile:
    """What is known about ``model``."""
    known = getattr(model, "model_profile", None)
    return known if isinstance(known, Profile) else profile_of(getattr(model, "model_name", ""))


def failure(error: GatewayError | ToolError) -> Update:
    """The state update that ends the run because of ``error``."""
    status: Status = "refused" if isinstance(error, ContentRefusedError) else "failed"
    return stop(status, str(error), error_kind=type(error).__name__)
