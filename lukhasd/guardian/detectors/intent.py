"""Compares what a content tells its reader to do, or what an action does, with what the user asked for.

Only what is asked for beyond the intent is found; that something fits the intent never lowers another finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from lukhasd.guardian.findings import Match, Subject
from lukhasd.guardian.policy import Policy, Rule

MAX_FINDINGS = 20
MAX_SENTENCE_CHARS = 600
EXCERPT_CHARS = 80


def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@dataclass(frozen=True)
class Capability:
    """Its patterns are compiled when they are first looked for: few actions say what was asked for."""

    name: str
    verbs: str
    ordered: str
    wanted: str
    used: str | None = None

    @cached_property
    def told(self) -> re.Pattern[str]:
        """An instruction to use it."""
        return compiled(OPENING + self.ordered)

    @cached_property
    def said(self) -> re.Pattern[str]:
        """Its verbs, which will do in a sentence that speaks to a program."""
        return compiled(rf"\b(?:{self.verbs})(?:s|es|ing)?\b")

    @cached_property
    def asked(self) -> re.Pattern[str]:
        """Words of an intent that ask for it or reckon with it."""
        return compiled(self.wanted)

    @cached_property
    def done(self) -> re.Pattern[str] | None:
        """A call or command that uses it, where one is certain enough."""
        return compiled(self.used) if self.used else None


# What comes before a verb that makes it an instruction: the beginning of a sentence or clause, or who must do it.
OPENING = (
    r"(?:^|[.!?;:,(\"“'<>*\-–—|]\s{0,3}|\b(?:please|pls|and|then|also|now|first|instead|must|should|shall|to|will|"
    r"assistants?|agents?|you|ai|helpers?|bot|just|immediately|next)\s)"
)
OBJECT = r"(?:[\w'’/~.@-]{1,40}[\s,]{1,2}){0,6}?"
ADDRESS = r"(?:https?://|[\w.+-]{1,40}@[\w-]{1,40}\.|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[\w-]{2,30}\.example\b)"


CAPABILITIES = (
    Capability(
        "send",
        r"send|forward|e-?mail|dm|upload|submit|fax|paste|attach|add \S{1,40} in bcc",
        rf"(?:send|forward|e-?mail|mail|dm|text|transmit|upload|submit|bcc|pass)\b(?! nothing|"
        rf" no\b).{{0,90}}?(?:\bto\b|{ADDRESS}|"
        r"\b(?:contacts?|inbox|passport|payslips?|keys?|files?)\b)",
        r"\b(?:send|forward|e-?mail it|mail (?:it|this|them|him|her)|reply|respond to|write to|notify|upload|submit|"
        r"share|contact|tell (?:him|her|them|\w+ that)|invite|message)\b",
        r"\b(?:send|forward)_?(?:e?mail|message|sms|file)\w{0,10}\b|\bcurl\b.{0,200}\s(?:-T|-F|--upload-file|"
        r"--data-binary|-d)\b.{0,20}@|\b(?:scp|rsync)\b.{0,200}\s[\w.-]{1,60}@?[\w.-]{1,60}:|\|\s{0,3}(?:mail|"
        r"sendmail)\b",
    ),
    Capability(
        "delete",
        r"delete|erase|wipe|purge|truncate|drop the|block",
        rf"(?:delete|erase|wipe|purge|remove|empty)\s{OBJECT}(?:mails?|e-?mails?|messages?|files?|folders?|logs?|"
        rf"inbox|"
        r"accounts?|backups?|calendars?|events?|copy|copies|records?|orders?|notes?|photos|history|everything|all)\b",
        r"\b(?:delet|eras|wip|purg|remov|clean|clear|tidy|empt|drop|uninstall|get rid|free up)\w{0,5}\b",
        r"\b(?:delete|remove|purge|erase)_(?:all|files?|mails?|e?mails?|messages?|accounts?|events?|users?|"
        r"records?)\b",
    ),
    Capability(
        "pay",
        r"pay|transfer|wire|buy|purchase|refund|donate|reserve|book|check ?out|raise|take three|take \d+|credit",
        rf"(?:pay|transfer|wire|buy|order|purchase|refund|donate|reserve|book|check ?out|raise)\s{OBJECT}(?:\d|"
        rf"money|funds?|"
        r"card|account|order|basket|credits?|subscription|amount|deposit|coins?|standing)",
        r"\b(?:pay|transfer|wire|buy|order|purchas|refund|donat|book|reserv|checkout|basket|shop|subscri|bill|"
        r"invoice)\w{0,4}\b",
        r"\b(?:transfer|send|make)_(?:money|funds|payment)\b|\b(?:purchase|pay|checkout|place_order)\w{0,12}\(",
    ),
    Capability(
        "grant access",
        r"grant|invite|approve|accept|share|sign the|make the repo|give \w+ access|issue me",
        rf"(?:(?:give|grant)\s{OBJECT}(?:access|rights?|permissions?|admin)|share\s{OBJECT}(?:with|folder|"
        rf"notebook|drive)|"
        rf"(?:invite|add)\s{OBJECT}(?:@|to (?:the|your|this) (?:\w+ )?(?:notebook|workspace|team|group|allow|list|"
        rf"channel)|as (?:an? )?"
        r"(?:admin|owner|collaborator|member))|approve (?:the )?(?:device|request|login|sign-in)|"
        r"put\s.{0,40}\ballow[- ]?list|accept (?:the |all )?(?:\d+ )?(?:open )?invitations)",
        r"\b(?:access|permission|grant|shar|invit|add|collaborat|approv|admin|role|onboard|accept)\w{0,4}\b",
        r"\b(?:grant|add|invite)_(?:access|permission|role|admin|user|member|collaborator)\w{0,6}\b|"
        r"\bshare_(?:file|folder|document)",
    ),
    Capability(
        "open",
        r"unlock|disarm|open the (?:\w+ )?(?:doors?|gate|lock|garage)|open port|turn off|switch off",
        rf"(?:(?:unlock|open|disarm|turn off|switch off|set)\s{OBJECT}(?:doors?|locks?|gate|garage|alarm|camera|"
        rf"lock\.\w+))",
        r"\b(?:unlock|open|door|lock|garage|alarm|gate|camera|let \w+ in)\w{0,3}\b",
        r"\b(?:unlock|open|disarm)_(?:door|lock|garage|gate|alarm)\w{0,6}\b",
    ),
    Capability(
        "change credentials",
        r"reset|change (?:the|his|her|their|its) (?:password|e-?mail|pin)|turns? two-step|set the password",
        rf"(?:(?:change|reset|set|update|turn off|disable|switch off)\s{OBJECT}(?:passwords?|two[- ]step|"
        rf"two[- ]factor|2fa|"
        r"recovery (?:e-?mail|phone)|e-?mail (?:address )?to|pin))",
        r"\b(?:password|two-?(?:step|factor)|2fa|pin|credential|login|recover|account settings|"
        r"e-?mail address)\w{0,3}\b",
        r"\b(?:change|reset|set|update)_(?:password|pin|credentials|recovery)\w{0,8}\b|\b(?:passwd|chpasswd)\b",
    ),
    Capability(
        "run code",
        r"run|execute|install|chmod|update users",
        rf"(?:run|execute|install|download|pip install|curl|wget)\s{OBJECT}(?:`|\$\(|curl|wget|sudo|bash|\bsh\b|"
        rf"https?://|command|script|"
        r"binary|package|tool|rm\b|[\w-]{2,20}\.(?:sh|exe|py|deb)\b)",
        r"\b(?:run|execut|install|set ?up|build|deploy|compil|command|script|download|migrat|fix|test|upgrad|"
        r"steps?)\w{0,5}\b",
    ),
    Capability(
        "post",
        r"post|publish|tweet|push|open a release|sign up|pin",
        rf"(?:post|publish|tweet|push|merge|open a (?:release|pull request))\s{OBJECT}(?:on|to|account|channel|"
        rf"timeline|feed|release|branch|review|comment)",
        r"\b(?:post|publish|tweet|push|merge|releas|comment|announc|share|pull request)\w{0,4}\b",
        r"\b(?:post|publish|create)_(?:tweet|post|comment|release)\b",
    ),
    Capability(
        "visit",
        r"visit|fetch|embed|load",
        rf"(?:visit|open|fetch|load|click|go to|embed|call)\s{OBJECT}{ADDRESS}",
        r"\b(?:visit|open|fetch|load|click|go to|embed|link|url|page|site|website|download|browse|api)\w{0,2}\b",
    ),
    Capability(
        "shape the answer",
        r"leave (?:out|it|this|that|them)|leaves out|recommend|pretend|rate|skip|mention|say that|tell|state|"
        r"report|quote|answer|end with|give the|show me the card",
        r"(?:(?:answer|reply|respond|say|report|state|tell (?:him|her|them|the (?:user|owner|reader|desk|person|"
        r"customer)))\b"
        r".{0,12}?(?:\b(?:only|just|that|in (?:french|german|spanish|latin|rhyme|verse|emoji)|with|yes|no)\b|[\"“])|"
        r"call (?:your|the) user\b|write a (?:poem|song|haiku)|give the (?:result|answer) as)",
        r"\b(?:answer|reply|respond|say|report|french|german|spanish|format|style|prefer|poem|song|write|translat|"
        r"draft|tell them)\w{0,4}\b",
    ),
)  # fmt: skip

READER = (
    r"(?:assistants?|helpers?|agents?|bots?|copilots?|summari[sz]ers?|models?|software|programs?|tools?|"
    r"machines?|aides?|aids|computers?|listers?)"
)
SPOKEN_TO = compiled(
    rf"\b(?:ai|a\.i\.|llms?|gpt|language models?|chatbots?|\w{{1,12}}bots?)\b(?! (?:act|literacy|research|chip))|"
    rf"\b(?:mail|chat|ticket|page|document|review|log|calendar|phone book|digital|automated|virtual|sql|task|"
    rf"drafting|learning|evaluation|"
    rf"analysis|translation|summary|concierge|account manager|shopping) {READER}\b|"
    rf"(?:^|[.!?:;,(\[\"“]\s{{0,3}})(?:dear |hey |the |any |all |also,? |your |"
    rf"you, the )?(?:\w{{3,14}} ){{0,2}}{READER}(?=[,:;)]|\s(?:that|who|which|must|should|"
    rf"shall|reading|here|please|are|is to|have|also|may|with|used|choosing|showing|explaining|whose))|"
    rf"\b(?:to|for) (?:the|any|all) {READER} (?:that|who|which|reading|with)\b|\({READER}\)|@\w{{0,20}}(?:bot|"
    rf"summary|agent)\b|"
    r"\b(?:who|what)ever (?:reads|processes|explains|is (?:reading|processing|explaining|asked))\b|"
    r"\bread by (?:software|machines?|programs?)\b|"
    r"\b(?:before|when|while|as) (?:you )?(?:summari[sz](?:e|ing)|list(?:ing)?|answer(?:ing)?|translat(?:e|ing)|"
    r"tell(?:ing)? (?:him|her|them|the user)|"
    r"show(?:ing)? (?:this|it|them)) ?(?:this|these|it|them|the|for|to|,)"
)
"""Words by which a text addresses whatever program reads it for somebody."""
HIDES = compiled(
    r"\b(?:without (?:asking|telling)|(?:do(?:n['’]t| not)|never) (?:tell (?:the|your) (?:user|owner)|"
    r"mention (?:this|it)|report)|"
    r"not to be reported|leave (?:it|this|that) out|keep (?:it|this) (?:quiet|secret|off)|say nothing)\b"
)
ADDRESSEE = re.compile(ADDRESS, re.IGNORECASE)
OWN_THINGS = compiled(
    r"\b(?:(?:his|her|their|your|the (?:user|owner|reader|developer)(?:'s|’s)?) (?:\w+ ){0,2}(?:inbox|drive|"
    r"contacts?|passports?|payslips?|cards?|account|"
    r"keys?|files?|mails?|calendar|notes|credentials?|password|e-?mail)|account you are using|card on file|(?:api|"
    r"ssh) keys?|~/\.\w+|"
    r"(?:chat|conversation) history|all (?:contacts|mails|orders|files))\b"
)
GRAVE = frozenset({"send", "delete", "pay", "grant access", "change credentials", "run code"})
"""What is looked at by a person even where no program is addressed."""
DELEGATES = compiled(
    r"\b(?:do (?:what|as|whatever|everything)|follow (?:the|it|its|these|all)|carry (?:it |them )?out|"
    r"work through|go through .{0,40}\bdo\b|"
    r"act on|handle|process|complete the|execute|implement)\b"
)
INSTRUCTS = compiled(r"\b(?:instructions|orders|rules) for you\b")
"""The content is the user's own word."""
ADVICE = compiled(
    r"\b(?:how (?:do|can|to|would|should)|what (?:steps|do i|should|must|are my|does .{0,40} (?:want|ask|say)|"
    r"did .{0,40} (?:ask|suggest|want|say))|"
    r"which (?:steps|actions?|devices)|prepare|instructions|recipe|todo|to-do|duties|requested|examples?|"
    r"translate|explain|proofread|check)\b"
)
ENDS = re.compile(r"(?<=[.!?])[\"”']?\s+|\n+|(?<=[;,}\]])\s*(?=[{\[])")
TALKS_ABOUT = compiled(
    r"\b(?:injections?|attack(?:s|ers?)?|jailbreaks?|phishing|malicious|seen in the wild|hijack\w*)\b"
)


class IntentDetector:
    """Applies the rules of a policy whose detector is `intent`, to actions that say what was asked for."""

    def __init__(self, policy: Policy) -> None:
        self._rules = {rule.name: rule for rule in policy.rules if rule.detector == "intent"}

    def find(self, subject: Subject) -> Iterator[Match]:
        if subject.intent is None or not subject.intent.strip() or not self._rules:
            return
        reads = subject.type in ("tool_output", "document")
        yield from islice((self._told if reads else self._done)(subject, subject.intent), MAX_FINDINGS)

    def _rule(self, name: str, subject: Subject) -> Rule | None:
        rule = self._rules.get(f"intent.{name}")
        return rule if rule is not None and subject.type in rule.applies_to else None

    def _told(self, subject: Subject, intent: str) -> Iterator[Match]:
        """Instructions in a content for what the intent does not ask for, one finding a sentence."""
        if TALKS_ABOUT.search(intent) or INSTRUCTS.search(intent):
            return
        missing = [each for each in CAPABILITIES if not each.asked.search(intent)]
        reads = ADVICE.search(intent) is not None
        delegates = DELEGATES.search(intent) is not None
        for start, end in sentences(subject.views.content):
            subject.check()
            sentence = subject.views.content[start:end]
            if TALKS_ABOUT.search(sentence):
                continue
            spoken_to = SPOKEN_TO.search(sentence) is not None
            hides = HIDES.search(sentence) is not None and not reads
            for each in missing:
                told = each.told.search(sentence)
                hit = told or (each.said.search(sentence) if spoken_to else None)
                if hit is None:
                    continue
                targets = told is not None and not (reads or delegates) and OWN_THINGS.search(sentence) is not None
                exfiltrates = told is not None and each.name == "send" and not delegates and ADDRESSEE.search(sentence)
                if spoken_to or (exfiltrates and (hides or targets)):
                    name = "addressed_departure"
                elif exfiltrates or (hides and told) or (targets and each.name in GRAVE):
                    name = "departure"
                else:
                    continue
                rule = self._rule(name, subject)
                if rule is not None:
                    yield found(rule, each, subject, start + hit.start(), start + hit.end())
                break

    def _done(self, subject: Subject, intent: str) -> Iterator[Match]:
        """What an action does that the intent does not ask for."""
        rule = self._rule("departure", subject)
        if rule is None or DELEGATES.search(intent):
            return
        for each in CAPABILITIES:
            subject.check()
            if each.done is None or each.asked.search(intent):
                continue
            if hit := each.done.search(subject.views.content):
                yield found(rule, each, subject, hit.start(), hit.end())


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of `text` begins and ends; a long one comes in pieces."""
    at = 0
    for stop in [*(match.end() for match in ENDS.finditer(text)), len(text)]:
        for begin in range(at, stop, MAX_SENTENCE_CHARS):
            yield begin, min(stop, begin + MAX_SENTENCE_CHARS)
        at = stop


def found(rule: Rule, each: Capability, subject: Subject, start: int, end: int) -> Match:
    excerpt = subject.views.content[start:end].strip()
    shown = excerpt if len(excerpt) <= EXCERPT_CHARS else excerpt[: EXCERPT_CHARS - 1] + "…"
    return Match(rule, start, end, shown, rule.severity, note=f"to {each.name}, which the intent does not ask for")
