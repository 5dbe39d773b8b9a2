"""An API graph of ComfyUI becomes a draft: from the sampler backwards along its links."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from grok_agent.prompts.importing import Draft, as_number, is_prose
from grok_agent.prompts.schema import Lora
from grok_agent.prompts.web_ui_reading import read_sampler
from grok_agent.prompts.weights import COMFY_UI, Weighted, read_weighted

MAX_STEPS_BACK = 200
_ESCAPED = re.compile(r"\\([()])")
_SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")


def is_graph(data: object) -> bool:
    """True for an object whose values are nodes with a class and inputs."""
    nodes = list(data.values()) if isinstance(data, dict) else []
    return bool(nodes) and all(isinstance(n, dict) and "class_type" in n for n in nodes)


def draft_of_graph(graph: Mapping[str, Any]) -> Draft:
    """What the first sampler of the graph is given."""
    draft = Draft("ComfyUI graph")
    samplers = [node for node in graph.values() if node["class_type"] in _SAMPLERS]
    if not samplers:
        draft.change("sampler", "the graph has no sampler; its texts are taken in their order")
    sampler = _inputs(samplers[0]) if samplers else {}
    draft.positive = _words(graph, sampler.get("positive") or sampler.get("guider"))
    draft.sentence = _prose(graph, sampler.get("positive"))
    draft.negative = _words(graph, sampler.get("negative"))
    if not samplers:
        texts = [text for node in graph.values() for text in _texts(node)]
        draft.positive = read_weighted(", ".join(texts[:1]), COMFY_UI)
        draft.negative = read_weighted(", ".join(texts[1:2]), COMFY_UI)
    read_sampler(_text(sampler.get("sampler_name")), _text(sampler.get("scheduler")), draft)
    draft.number("steps", _plain(sampler.get("steps")))
    draft.number("cfg", _guidance(graph, sampler))
    draft.number("seed", _plain(sampler.get("seed", sampler.get("noise_seed"))))
    _read_size(graph, sampler, draft)
    _read_loras(graph, sampler, draft)
    return draft


def _words(graph: Mapping[str, Any], link: object) -> list[Weighted]:
    texts = [text for node in _upstream(graph, link) for text in _texts(node)]
    return read_weighted(", ".join(dict.fromkeys(texts)), COMFY_UI)


def _prose(graph: Mapping[str, Any], link: object) -> str:
    """The text behind ``link`` as it was written, if it is sentences and not keywords."""
    texts = [text for node in _upstream(graph, link) for text in _texts(node)]
    return _ESCAPED.sub(r"\1", texts[0]) if texts and is_prose(texts[0]) else ""


def _upstream(graph: Mapping[str, Any], link: object) -> Iterator[Mapping[str, Any]]:
    """Nodes that a link comes from, nearest first, each once."""
    waiting = [link]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_STEPS_BACK:
        node = _node(graph, waiting.pop(0))
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        waiting += [value for value in _inputs(node).values() if isinstance(value, list)]


def _read_size(graph: Mapping[str, Any], sampler: Mapping[str, Any], draft: Draft) -> None:
    for node in _upstream(graph, sampler.get("latent_image")):
        width, height = (as_number(_inputs(node).get(side)) for side in ("width", "height"))
        if width and height:
            draft.width, draft.height = width, height
            return


def _read_loras(graph: Mapping[str, Any], sampler: Mapping[str, Any], draft: Draft) -> None:
    found = []
    for node in _upstream(graph, sampler.get("model")):
        name = _text(_inputs(node).get("lora_name"))
        if not name:
            continue
        weight = as_number(_inputs(node).get("strength_model", 1.0))
        try:
            plain = name.rsplit("/", 1)[-1].removesuffix(".safetensors")
            found.append(Lora(name=plain, weight=1.0 if weight is None else weight))
        except ValidationError:
            draft.left_out[name] = "not a LoRA that the schema takes"
    draft.loras = found[::-1]  # the chain is walked from its end


def _guidance(graph: Mapping[str, Any], sampler: Mapping[str, Any]) -> object:
    """Flux's guidance stands in a node of its own, and its ``cfg`` is 1."""
    for node in _upstream(graph, sampler.get("positive")):
        if "guidance" in _inputs(node):
            return _plain(_inputs(node)["guidance"])
    return _plain(sampler.get("cfg"))


def _texts(node: Mapping[str, Any]) -> list[str]:
    inputs = _inputs(node)
    return [inputs[key] for key in ("text", "text_g") if isinstance(inputs.get(key), str)][:1]


def _node(graph: Mapping[str, Any], link: object) -> Mapping[str, Any] | None:
    node = graph.get(str(link[0])) if isinstance(link, list) and link else None
    return node if isinstance(node, dict) else None


def _inputs(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _plain(value: object) -> object:
    return None if isinstance(value, list | dict) else value
