"""Prompts go out in every target's form and come in again."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from sd_parsers import ParserManager

from grok_agent.errors import SettingsError, ToolError
from grok_agent.prompts.exporters import EXPORTERS, export
from grok_agent.prompts.importers import import_picture, import_text
from grok_agent.prompts.infotext import Infotext, read_infotext, write_infotext
from grok_agent.prompts.schema import Keyword, Lora, PromptSpec, Text
from grok_agent.prompts.weights import COMFY_UI, WEB_UI, Dialect, Weighted, read_weighted
from grok_agent.prompts.weights import write_weighted as write

WILD = st.text(
    st.sampled_from("abz AB12.,:;\"'()[]{}<>|\\/-_#\n\t中文，：（）【】「」🙂🏽é")
    | st.characters(),
    min_size=1,
    max_size=30,
).map(lambda text: " ".join(text.replace("\x00", "").replace("\x01", "").split()))
PLAIN = WILD.map(lambda text: text.encode("utf-8", "ignore").decode()).filter(bool)
WORDS = st.builds(Weighted, PLAIN, st.sampled_from([0.1, 0.5, 1.0, 1.0, 1.05, 1.2, 2.0]))
COMMANDS = ("AND", "BREAK", "<lora")


FIELDS = {
    "style": ("cinematic", "电影感"),
    "identity": ("green eyes", "绿色眼睛"),
    "loras": ("film",),
    "negative": ("blurry", "模糊"),
    "positive": ("auburn hair", "赤褐色头发"),
}


def spec(**changes: object) -> PromptSpec:
    values = {
        "title": "Rain",
        "subject": Text(en="a young woman in rain", zh="雨中的年轻女子"),
        "positive": [
            Keyword(en="a young woman in rain", zh="雨中的年轻女子"),
            Keyword(en="auburn hair", zh="赤褐色头发", weight=1.2),
            Keyword(en="red, blue neon", zh="红蓝霓虹"),
        ],
        "negative": [Keyword(en="blurry", zh="模糊"), Keyword(en="text", zh="文字", weight=1.3)],
        "medium": "photograph",
        "aspect_ratio": "2:3",
        "seed": 7,
        "loras": [Lora(name="film", weight=0.6)],
    }
    return PromptSpec(**(values | changes))


@st.composite
def specs(draw: st.DrawFn) -> PromptSpec:
    """Prompts that hold only what every keyword target supports."""
    words = draw(
        st.lists(WORDS, min_size=1, max_size=6, unique_by=lambda word: word.text.casefold())
    )
    keywords = [Keyword(en=word.text, zh=word.text, weight=word.weight) for word in words]
    keywords = [word for word in keywords if not any(part in word.en for part in COMMANDS)]
    keywords = keywords or [Keyword(en="cat", zh="猫")]
    cut = draw(st.integers(1, len(keywords)))
    first = keywords[0].en
    return PromptSpec(
        title="x",
        subject=Text(en=first, zh=first),
        positive=keywords[:cut],
        negative=keywords[cut:],
        medium=first,
        width=draw(st.integers(8, 512)) * 8,
        height=draw(st.integers(8, 512)) * 8,
        steps=draw(st.integers(1, 150)),
        cfg=draw(st.integers(0, 300)) / 10,
        seed=draw(st.integers(0, 4_294_967_295)),
        sampler=draw(st.sampled_from(["euler", "dpmpp_2m", "dpm_2_ancestral", "uni_pc"])),
        scheduler=draw(st.sampled_from(["normal", "karras", "beta", "sgm_uniform"])),
    )


def kept(prompt: PromptSpec) -> dict[str, object]:
    """What the keyword targets support."""
    names = ("width", "height", "steps", "cfg", "seed", "sampler", "scheduler", "loras")
    words = {
        name: [(word.en, word.weight) for word in getattr(prompt, name)]
        for name in ("positive", "negative")
    }
    return words | {name: getattr(prompt, name) for name in names}


def there_and_back(prompt: PromptSpec, target: str) -> PromptSpec:
    payload = export(prompt, target).payload
    return import_text(payload if isinstance(payload, str) else json.dumps(payload)).spec


@given(st.lists(WORDS, max_size=6), st.sampled_from([WEB_UI, COMFY_UI]))
def test_weighted_keywords_survive(words: list[Weighted], dialect: Dialect) -> None:
    read = read_weighted(write(words, dialect), dialect)
    assert read == [Weighted(word.text.replace("，", ","), word.weight) for word in words]


@given(st.text(max_size=80))
def test_any_brackets_can_be_read(text: str) -> None:
    for dialect in (WEB_UI, COMFY_UI):
        words = read_weighted(text, dialect)
        assert read_weighted(write(words, dialect), dialect) == [
            Weighted(word.text, float(f"{word.weight:.4g}")) for word in words
        ]


@given(specs(), st.sampled_from(["a1111", "fooocus"]))
def test_what_a_target_supports_comes_back(prompt: PromptSpec, target: str) -> None:
    expected = kept(prompt)
    for name in ("positive", "negative"):
        expected[name] = [(text.replace("，", ","), w) for text, w in expected[name]]
    assert kept(there_and_back(prompt, target)) == expected


@given(specs())
def test_a_comfy_graph_comes_back(prompt: PromptSpec) -> None:
    snapped = PromptSpec.model_validate(
        {**prompt.model_dump(), "width": 832, "height": 1216, "aspect_ratio": ""}
    )
    expected = kept(snapped)
    for name in ("positive", "negative"):
        expected[name] = [(text.replace("，", ","), w) for text, w in expected[name]]
    assert kept(there_and_back(snapped, "comfyui-sdxl")) == expected


@pytest.mark.parametrize(
    "target", [name for name in EXPORTERS if name not in ("gpt-image", "grok-imagine")]
)
def test_a_prompt_that_came_back_is_written_the_same(target: str) -> None:
    prose = spec(sentence=Text(en="A young woman stands in rain.", zh="年轻女子站在雨中。"))
    for prompt in (spec(), prose):
        once = export(prompt, target).payload
        assert export(there_and_back(prompt, target), target).payload == once


def test_every_field_is_in_the_payload_or_named() -> None:
    full = spec(
        style=Text(en="cinematic", zh="电影感"),
        identity=[Keyword(en="green eyes", zh="绿色眼睛")],
        sentence=Text(en="She stands in rain.", zh="她站在雨中。"),
        safety_note="none",
    )
    for target in EXPORTERS:
        made = export(full, target)
        text = json.dumps(made.payload, ensure_ascii=False)
        told = {note.field for note in (*made.dropped, *made.rewritten)}
        for field, words in FIELDS.items():
            assert field in told or any(word in text for word in words), (target, field)
        assert {"title", "safety_note"} <= told


def test_models_without_a_negative_prompt_get_a_wish() -> None:
    made = export(spec(), "grok-imagine").payload
    assert isinstance(made, dict)
    assert "Free of blurry, text." in made["prompt"]
    assert (made["aspect_ratio"], made["resolution"]) == ("2:3", "1k")
    assert "negative_prompt" not in made


def test_languages_are_never_mixed() -> None:
    for target in EXPORTERS:
        text = json.dumps(export(spec(), target).payload, ensure_ascii=False)
        assert ("雨" in text) != ("auburn" in text), target


def test_a_quoted_value_with_commas_stays_whole() -> None:
    text = (
        "cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Size: 512x768,"
        ' Lora hashes: "film: abc123, b: c", Version: v1.10'
    )
    assert read_infotext(text).pairs["Lora hashes"] == "film: abc123, b: c"
    made = import_text(text)
    assert made.left_out["Lora hashes"] == "film: abc123, b: c"
    assert (made.spec.sampler, made.spec.width, made.spec.height) == ("euler_ancestral", 512, 768)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z ]{0,8}[a-z]", fullmatch=True), PLAIN, min_size=3
    )
)
def test_any_pairs_come_back(pairs: dict[str, str]) -> None:
    text = Infotext("a cat", "a dog", pairs)
    assert read_infotext(write_infotext(text)) == text


def test_old_sampler_names_carry_their_schedule() -> None:
    made = import_text("cat\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Size: 512x512")
    assert (made.spec.sampler, made.spec.scheduler) == ("dpmpp_2m", "karras")


def test_what_only_a_web_ui_understands_is_told() -> None:
    made = import_text(
        "[day:night:0.5], [cat|dog] BREAK tree <lora:a b:0.5> <lora:c:9>\n"
        "Steps: 900, Sampler: Restart, CFG scale: 99, Size: 513x70000"
    )
    assert made.spec.positive_en == ["night", "cat", "dog", "tree"]
    assert made.spec.loras == [Lora(name="a b", weight=0.5)]
    assert (made.spec.steps, made.spec.cfg) == (150, 30)
    assert (made.spec.width, made.spec.height) == (512, 4096)
    assert {note.field for note in made.changed} == {"positive", "steps", "cfg", "width"}
    assert made.left_out["sampler"] == "Restart"


def test_prompts_are_found_in_pictures() -> None:
    text = export(spec(), "a1111").payload
    png = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", str(text))
    Image.new("RGB", (64, 64)).save(png, "PNG", pnginfo=info)
    assert kept(import_picture(png.getvalue()).spec) == kept(there_and_back(spec(), "a1111"))

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + str(text).encode("utf-16-be")
    for form in ("JPEG", "WEBP"):
        file = io.BytesIO()
        Image.new("RGB", (64, 64)).save(file, form, exif=exif)
        assert kept(import_picture(file.getvalue()).spec) == kept(there_and_back(spec(), "a1111"))


def test_a_graph_in_a_picture_wins_over_nothing() -> None:
    png = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps(export(spec(), "comfyui-sdxl").payload))
    Image.new("RGB", (64, 64)).save(png, "PNG", pnginfo=info)
    assert import_picture(png.getvalue()).source == "ComfyUI graph"
    bare = io.BytesIO()
    Image.new("RGB", (64, 64)).save(bare, "PNG")
    with pytest.raises(ToolError, match="holds no prompt"):
        import_picture(bare.getvalue())


def test_our_own_json_comes_in_whole() -> None:
    assert import_text(spec().model_dump_json()).spec == spec()
    with pytest.raises(ToolError, match=r"steps: .*150"):
        import_text(json.dumps({**spec().model_dump(), "steps": 151}))


def test_json_is_taken_out_of_prose_only_when_asked() -> None:
    wrapped = f"Here you are:\n```json\n{spec().model_dump_json()}\n```\nEnjoy!"
    assert import_text(wrapped, repair=True).spec == spec()
    assert import_text(wrapped).source == "infotext"


@pytest.mark.parametrize("text", ["", "   ", "{}", '{"a": 1}', "x" * 2_000_001])
def test_what_is_no_prompt_is_refused_with_a_next_step(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        import_text(text)
    assert caught.value.next_step


@pytest.mark.parametrize(
    "graph",
    [
        {"1": {"class_type": "KSampler"}},
        {"1": {"class_type": "KSampler", "inputs": {"positive": ["1", 0], "seed": [9, 9]}}},
        {"1": {"class_type": "SaveImage", "inputs": None}},
    ],
)
def test_odd_graphs_do_not_break_the_reader(graph: dict[str, object]) -> None:
    with pytest.raises(ToolError, match="holds no prompt"):
        import_text(json.dumps(graph))


@given(st.text(max_size=200), st.booleans())
def test_any_text_becomes_a_prompt_or_a_refusal(text: str, repair: bool) -> None:
    try:
        made = import_text(text, repair=repair)
    except ToolError:
        return
    assert PromptSpec.model_validate(made.spec.model_dump()) == made.spec


GRAPH_INPUTS: dict[str, dict[str, object]] = {
    "CheckpointLoaderSimple": {"ckpt_name": str},
    "UNETLoader": {"unet_name": str, "weight_dtype": str},
    "CLIPLoader": {"clip_name": str, "type": str},
    "DualCLIPLoader": {"clip_name1": str, "clip_name2": str, "type": str},
    "VAELoader": {"vae_name": str},
    "LoraLoader": {"model": "MODEL", "clip": "CLIP", "lora_name": str,
                   "strength_model": (-100, 100), "strength_clip": (-100, 100)},
    "ModelSamplingAuraFlow": {"model": "MODEL", "shift": (0, 100)},
    "CLIPTextEncode": {"text": str, "clip": "CLIP"},
    "FluxGuidance": {"conditioning": "CONDITIONING", "guidance": (0, 100)},
    "EmptyLatentImage": {"width": (16, 16384), "height": (16, 16384), "batch_size": (1, 4096)},
    "EmptySD3LatentImage": {"width": (16, 16384), "height": (16, 16384), "batch_size": (1, 4096)},
    "KSampler": {"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING",
                 "latent_image": "LATENT", "seed": (0, 2**64 - 1), "steps": (1, 10000),
                 "cfg": (0, 100), "sampler_name": str, "scheduler": str, "denoise": (0, 1)},
    "VAEDecode": {"samples": "LATENT", "vae": "VAE"},
    "SaveImage": {"images": "IMAGE", "filename_prefix": str},
}  # fmt: skip
GRAPH_OUTPUTS = {
    "CheckpointLoaderSimple": ("MODEL", "CLIP", "VAE"),
    "UNETLoader": ("MODEL",),
    "CLIPLoader": ("CLIP",),
    "DualCLIPLoader": ("CLIP",),
    "VAELoader": ("VAE",),
    "LoraLoader": ("MODEL", "CLIP"),
    "ModelSamplingAuraFlow": ("MODEL",),
    "CLIPTextEncode": ("CONDITIONING",),
    "FluxGuidance": ("CONDITIONING",),
    "EmptyLatentImage": ("LATENT",),
    "EmptySD3LatentImage": ("LATENT",),
    "KSampler": ("LATENT",),
    "VAEDecode": ("IMAGE",),
}


@given(specs(), st.sampled_from(["comfyui-sdxl", "comfyui-flux", "comfyui-qwen"]))
def test_graphs_have_known_nodes_links_and_ranges(prompt: PromptSpec, target: str) -> None:
    with_loras = prompt.model_copy(update={"loras": [Lora(name="a"), Lora(name="b", weight=-1)]})
    graph = export(with_loras, target).payload
    assert isinstance(graph, dict)
    assert json.loads(json.dumps(graph)) == graph
    for node in graph.values():
        expected = GRAPH_INPUTS[node["class_type"]]
        assert set(node["inputs"]) == set(expected)
        for name, kind in expected.items():
            value = node["inputs"][name]
            if isinstance(kind, str):  # a link to an output of that kind
                source, slot = value
                assert GRAPH_OUTPUTS[graph[source]["class_type"]][slot] == kind
            elif isinstance(kind, tuple):
                assert kind[0] <= value <= kind[1]
            else:
                assert isinstance(value, str)
    assert [node["class_type"] for node in graph.values()].count("SaveImage") == 1


DIFFUSERS_CALLS = {  # parameters of __call__ in diffusers 0.42.1, those that concern a prompt
    "StableDiffusionPipeline": "prompt height width num_inference_steps guidance_scale"
    " negative_prompt",
    "StableDiffusionXLPipeline": "prompt prompt_2 height width num_inference_steps guidance_scale"
    " negative_prompt negative_prompt_2",
    "StableDiffusion3Pipeline": "prompt prompt_2 prompt_3 height width num_inference_steps"
    " guidance_scale negative_prompt",
    "FluxPipeline": "prompt prompt_2 negative_prompt true_cfg_scale height width"
    " num_inference_steps guidance_scale",
    "QwenImagePipeline": "prompt negative_prompt true_cfg_scale height width num_inference_steps"
    " guidance_scale",
    "ZImagePipeline": "prompt height width num_inference_steps guidance_scale negative_prompt",
}


@pytest.mark.parametrize("target", [name for name in EXPORTERS if name.startswith("diffusers")])
def test_pipelines_take_the_arguments(target: str) -> None:
    made = export(spec(), target).payload
    assert isinstance(made, dict)
    assert set(made["arguments"]) <= set(DIFFUSERS_CALLS[made["pipeline"]].split())
    assert made["arguments"]["width"] % 8 == made["arguments"]["height"] % 8 == 0


def test_our_reader_agrees_with_a_peer_and_keeps_quoted_values() -> None:
    text = (
        "a cat, (red hat:1.2)\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a,"
        ' CFG scale: 7, Seed: 5, Size: 512x768, Lora hashes: "film: abc123, b: c"'
    )
    png = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (64, 64)).save(png, "PNG", pnginfo=info)
    png.seek(0)
    with Image.open(png) as image:
        peer = ParserManager().parse(image)
    ours = read_infotext(text)
    assert [each.value for each in peer.prompts] == [ours.positive]
    assert [each.value for each in peer.negative_prompts] == [ours.negative]
    assert ours.pairs["Lora hashes"] == "film: abc123, b: c"
    assert "film: abc123, b: c" not in str(peer.metadata)


def test_an_unknown_target_names_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="a1111, comfyui-sdxl"):
        export(spec(), "photoshop")
