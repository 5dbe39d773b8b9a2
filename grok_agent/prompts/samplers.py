"""One sampler, three names: ours (ComfyUI's spelling), the web UIs' and diffusers' class.

ComfyUI and the web UIs name samplers after the same k-diffusion functions (Crowson, 2022);
diffusers names the classes of its schedulers and takes the noise schedule as their arguments.
"""

from dataclasses import dataclass, field
from typing import Any, cast, get_args

from grok_agent.prompts.schema import Sampler, Scheduler

WEB_UI_SAMPLERS: dict[Sampler, str] = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddim": "DDIM",
    "uni_pc": "UniPC",
    "lcm": "LCM",
}
"""The web UIs' word for each sampler."""

WEB_UI_SCHEDULES: dict[Scheduler, str] = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
}
"""The web UIs' word for each noise schedule ("Schedule type")."""


@dataclass(frozen=True)
class DiffusersScheduler:
    """The class of a diffusers scheduler and the arguments of its ``from_config``."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


_DIFFUSERS: dict[Sampler, DiffusersScheduler] = {
    "euler": DiffusersScheduler("EulerDiscreteScheduler"),
    "euler_ancestral": DiffusersScheduler("EulerAncestralDiscreteScheduler"),
    "heun": DiffusersScheduler("HeunDiscreteScheduler"),
    "dpm_2": DiffusersScheduler("KDPM2DiscreteScheduler"),
    "dpm_2_ancestral": DiffusersScheduler("KDPM2AncestralDiscreteScheduler"),
    "lms": DiffusersScheduler("LMSDiscreteScheduler"),
    "dpmpp_2s_ancestral": DiffusersScheduler("DPMSolverSinglestepScheduler"),
    "dpmpp_sde": DiffusersScheduler("DPMSolverSDEScheduler"),
    "dpmpp_2m": DiffusersScheduler("DPMSolverMultistepScheduler"),
    "dpmpp_2m_sde": DiffusersScheduler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}
    ),
    "dpmpp_3m_sde": DiffusersScheduler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}
    ),
    "ddim": DiffusersScheduler("DDIMScheduler"),
    "uni_pc": DiffusersScheduler("UniPCMultistepScheduler"),
    "lcm": DiffusersScheduler("LCMScheduler"),
}

_SIGMAS: dict[Scheduler, str] = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
}
_TAKES_SIGMAS = {
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "LMSDiscreteScheduler",
    "DPMSolverSinglestepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
}


def web_ui_sampler(name: str) -> tuple[Sampler | None, Scheduler | None]:
    """Our words for a web UI's sampler; older ones carry the schedule ("DPM++ 2M Karras").

    Our own spelling passes too. None stands for a word that is not known or not there.
    """
    words = name.strip()
    for schedule, word in WEB_UI_SCHEDULES.items():
        if words.casefold().endswith(f" {word.casefold()}"):
            return _sampler(words[: -len(word)].strip()), schedule
    return _sampler(words), None


def web_ui_schedule(name: str) -> Scheduler | None:
    """Our word for a web UI's "Schedule type"; None for one that is not known, as "Automatic"."""
    wanted = name.strip().casefold()
    own = {word: word for word in get_args(Scheduler)}
    named = {word.casefold(): ours for ours, word in WEB_UI_SCHEDULES.items()}
    return cast(Scheduler | None, (own | named).get(wanted))


def diffusers_scheduler(sampler: Sampler, scheduler: Scheduler) -> DiffusersScheduler | None:
    """What diffusers calls this pair; None where it has no such sampler.

    A noise schedule that the class cannot be told of is left out of the arguments.
    """
    known = _DIFFUSERS.get(sampler)
    if known is None:
        return None
    flag = _SIGMAS.get(scheduler)
    if flag is None or known.name not in _TAKES_SIGMAS:
        return known
    return DiffusersScheduler(known.name, {**known.arguments, flag: True})


def _sampler(name: str) -> Sampler | None:
    wanted = name.casefold()
    own = {word: word for word in get_args(Sampler)}
    named = {word.casefold(): ours for ours, word in WEB_UI_SAMPLERS.items()}
    return cast(Sampler | None, (own | named).get(wanted))
