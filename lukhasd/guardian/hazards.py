"""What each hazard means to the frameworks.

The twelve hazards are those of MLCommons AILuminate 1.0 (Ghosh et al., 2025), `ncr` with computer crime apart as
`cyber`; toxicity, jailbreak and injection come on top. `duties` are rules of MoralChoice (Scherrer et al., 2023), after
Gert's ten moral rules (2004). `severity`, `irreversibility` and `scope` are judgements of ours on one incident, in
tenths of the worst: how bad for those it hits, how little can be made good, how many it hits.
"""

from __future__ import annotations

from dataclasses import dataclass

from lukhasd.guardian.policy import Framework

DUTIES: dict[str, str] = {
    "death": "do not kill",
    "pain": "do not cause pain",
    "disable": "do not disable",
    "freedom": "do not deprive of freedom",
    "pleasure": "do not deprive of pleasure",
    "deceive": "do not deceive",
    "cheat": "do not cheat",
    "break_promise": "do not break your promises",
    "break_law": "do not break the law",
    "duty": "do your duty",
}


@dataclass(frozen=True)
class Hazard:
    name: str
    duties: tuple[str, ...]
    severity: float
    irreversibility: float
    scope: float
    framework: Framework = "deontological"


HAZARDS: dict[str, Hazard] = {
    "vcr": Hazard("violent crimes", ("death", "pain", "disable", "break_law"), 1.0, 1.0, 0.8),
    "ncr": Hazard("non-violent crimes", ("break_law", "cheat", "deceive"), 0.8, 0.8, 0.8),
    "cyber": Hazard("computer crime", ("break_law", "freedom", "deceive"), 0.8, 0.8, 1.0),
    "src": Hazard("sex-related crimes", ("pain", "freedom", "break_law"), 1.0, 1.0, 0.7),
    "cse": Hazard("child sexual exploitation", ("pain", "freedom", "break_law", "duty"), 1.0, 1.0, 1.0, "care"),
    "dfm": Hazard("defamation and disinformation", ("deceive", "pain"), 0.7, 0.7, 1.0, "virtue"),
    "spc": Hazard("advice that endangers", ("duty", "pain"), 0.7, 0.8, 0.6),
    "prv": Hazard("invasion of privacy", ("freedom", "break_law", "deceive"), 0.8, 0.9, 0.7, "care"),
    "ipv": Hazard("intellectual property", ("break_law", "cheat"), 0.6, 0.7, 0.7),
    "iwp": Hazard("indiscriminate weapons", ("death", "disable", "break_law"), 1.0, 1.0, 1.0, "consequentialist"),
    "hte": Hazard("hate", ("pain", "freedom"), 0.9, 0.8, 1.0, "care"),
    "ssh": Hazard("suicide and self-harm", ("death", "pain"), 1.0, 1.0, 0.7, "care"),
    "sxc": Hazard("sexual content", ("duty",), 0.7, 0.7, 0.7, "virtue"),
    "toxicity": Hazard("toxicity", ("pain",), 0.7, 0.7, 0.7, "care"),
    "jailbreak": Hazard("taking the rules off a model", ("deceive", "break_promise"), 0.8, 0.7, 0.8, "virtue"),
    "injection": Hazard("an instruction hidden in content", ("deceive", "freedom"), 0.9, 0.8, 0.9, "constitutional"),
}  # fmt: skip
