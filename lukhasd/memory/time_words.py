"""The words that English writes time with."""

from __future__ import annotations

from typing import Final

from lukhasd.memory.periods import (
    Recurring,
    repeat_date,
    repeat_from_easter,
    repeat_nth_weekday,
)


def gather(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _number(names: str, first: int = 1) -> dict[str, int]:
    return {name: first + place for place, name in enumerate(names.split())}


MONTHS: Final = (
    _number("january february march april may june july august september october november december")
    | _number("jan feb mar apr may jun jul aug sep oct nov dec")
    | {"sept": 9}
)
SURE_MONTHS: Final = gather("january february july september october november december feb apr jul sep sept oct nov")
"""Months that are neither a verb nor a first name."""
WEEKDAYS: Final = (
    _number("monday tuesday wednesday thursday friday saturday sunday", 0)
    | _number("mon tue wed thu fri sat sun", 0)
    | {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
)
PLURAL_WEEKDAYS: Final = _number("mondays tuesdays wednesdays thursdays fridays saturdays sundays", 0)
UNSURE_WEEKDAYS: Final = frozenset({"mon", "wed", "sat", "sun", "fri", "thu", "tue"})
SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
DAY_PARTS: Final = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (18, 24)}
_UNITS: Final = gather("second minute hour day week weekend fortnight month quarter year decade")
UNITS: Final = (
    {name: name for name in _UNITS}
    | {f"{name}s": name for name in _UNITS}
    | {"century": "century", "centuries": "century", "nights": "day"}
    | {"sec": "second", "secs": "second", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour"}
    | {"yr": "year", "yrs": "year", "wk": "week", "wks": "week", "mos": "month"}
)
ONES: Final = _number(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
TENS: Final = {
    name: 10 * place for name, place in _number("twenty thirty forty fifty sixty seventy eighty ninety", 2).items()
}
VAGUE: Final = {"couple": (2, 3), "few": (3, 5), "several": (4, 8)}
ORDINALS: Final = _number(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth"
    " sixteenth seventeenth eighteenth nineteenth twentieth"
) | {"thirtieth": 30}
DECADES: Final = {f"{name[:-1]}ies": 1900 + number for name, number in TENS.items()}
QUALIFIERS: Final = gather("about around roughly approximately almost nearly over just exactly some circa")

HOLIDAYS: Final[dict[tuple[str, ...], Recurring]] = {
    ("christmas", "eve"): repeat_date(12, 24),
    ("christmas", "day"): repeat_date(12, 25),
    ("christmas",): repeat_date(12, 25),
    ("xmas",): repeat_date(12, 25),
    ("boxing", "day"): repeat_date(12, 26),
    ("new", "year", "eve"): repeat_date(12, 31),
    ("new", "years", "eve"): repeat_date(12, 31),
    ("new", "year", "day"): repeat_date(1, 1),
    ("new", "years", "day"): repeat_date(1, 1),
    ("new", "year"): repeat_date(1, 1),
    ("epiphany",): repeat_date(1, 6),
    ("burns", "night"): repeat_date(1, 25),
    ("martin", "luther", "king", "day"): repeat_nth_weekday(1, 0, 3),
    ("mlk", "day"): repeat_nth_weekday(1, 0, 3),
    ("groundhog", "day"): repeat_date(2, 2),
    ("valentine",): repeat_date(2, 14),
    ("valentine", "day"): repeat_date(2, 14),
    ("valentines", "day"): repeat_date(2, 14),
    ("st", "valentine", "day"): repeat_date(2, 14),
    ("presidents", "day"): repeat_nth_weekday(2, 0, 3),
    ("st", "patrick", "day"): repeat_date(3, 17),
    ("saint", "patrick", "day"): repeat_date(3, 17),
    ("april", "fools", "day"): repeat_date(4, 1),
    ("april", "fool", "day"): repeat_date(4, 1),
    ("may", "day"): repeat_date(5, 1),
    ("mother", "day"): repeat_nth_weekday(5, 6, 2),
    ("mothers", "day"): repeat_nth_weekday(5, 6, 2),
    ("memorial", "day"): repeat_nth_weekday(5, 0, -1),
    ("father", "day"): repeat_nth_weekday(6, 6, 3),
    ("fathers", "day"): repeat_nth_weekday(6, 6, 3),
    ("juneteenth",): repeat_date(6, 19),
    ("midsummer", "eve"): repeat_date(6, 23),
    ("independence", "day"): repeat_date(7, 4),
    ("bastille", "day"): repeat_date(7, 14),
    ("labor", "day"): repeat_nth_weekday(9, 0, 1),
    ("labour", "day"): repeat_nth_weekday(9, 0, 1),
    ("columbus", "day"): repeat_nth_weekday(10, 0, 2),
    ("halloween",): repeat_date(10, 31),
    ("guy", "fawkes", "night"): repeat_date(11, 5),
    ("bonfire", "night"): repeat_date(11, 5),
    ("remembrance", "day"): repeat_date(11, 11),
    ("veterans", "day"): repeat_date(11, 11),
    ("thanksgiving",): repeat_nth_weekday(11, 3, 4),
    ("thanksgiving", "day"): repeat_nth_weekday(11, 3, 4),
    ("black", "friday"): repeat_nth_weekday(11, 3, 4, days_after=1),
    ("cyber", "monday"): repeat_nth_weekday(11, 3, 4, days_after=4),
    ("shrove", "tuesday"): repeat_from_easter(-47),
    ("ash", "wednesday"): repeat_from_easter(-46),
    ("palm", "sunday"): repeat_from_easter(-7),
    ("maundy", "thursday"): repeat_from_easter(-3),
    ("good", "friday"): repeat_from_easter(-2),
    ("easter", "saturday"): repeat_from_easter(-1),
    ("easter", "sunday"): repeat_from_easter(0),
    ("easter", "monday"): repeat_from_easter(1),
    ("easter",): repeat_from_easter(0),
    ("ascension", "day"): repeat_from_easter(39),
    ("pentecost",): repeat_from_easter(49),
    ("whit", "sunday"): repeat_from_easter(49),
    ("whit", "monday"): repeat_from_easter(50),
}
HOLIDAYS_BY_WORD: Final = {
    first: sorted((names for names in HOLIDAYS if names[0] == first), key=len, reverse=True)
    for first in {names[0] for names in HOLIDAYS}
}
HOLIDAY_THINGS: Final = gather(
    "tree trees card cards present presents gift gifts egg eggs bunny cake pudding jumper carol carols costume"
    " costumes light lights song songs cookie cookies market movie movies decoration decorations stocking turkey"
)
EVENTS: Final = gather(
    "trip wedding party birthday meeting concert interview exam exams surgery operation holiday holidays vacation"
    " move accident funeral graduation conference match game flight race marathon war lockdown pandemic divorce"
    " birth appointment visit dinner lunch breakfast show festival retreat camping hike class course workshop launch"
    " release storm flood fire earthquake election anniversary honeymoon engagement ceremony reunion hearing trial"
    " tour cruise lecture seminar presentation talk audition rehearsal tournament breakup separation injury illness"
    " promotion sale renovation journey weekend picnic barbecue sleepover recital play parade protest strike"
    " migration deploy release outage incident merger audit deadline semester term internship expedition pregnancy"
    " stay call date roadtrip drive transition"
)
OWNERS: Final = gather("the my our his her their your this that")
NUMBERED_BEFORE: Final = gather(
    "room page number no version v release build python chapter highway route road flat box iso rfc model dial"
    " phone paid cost costs line port item size"
)

LAST: Final = frozenset({"last", "past", "previous"})
NEXT: Final = frozenset({"next", "coming", "following", "upcoming"})
THIS: Final = frozenset({"this", "current"})
EVERY: Final = frozenset({"every", "each", "any", "per"})
PLACES_IN_TIME: Final = gather("in from since until till during by before after around through throughout of")
PLACES_OF_SEASONS: Final = PLACES_IN_TIME | {"over", "for"}
PLACES_OF_DAY: Final = gather("on by since until till before after from and or for")
PARTS: Final = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}
PARTS_OF_YEAR: Final = frozenset({"q1", "q2", "q3", "q4", "h1", "h2"})
HALVES: Final = {"half": 6, "quarter": 3}
DETERMINERS: Final = gather("the my our his her their a its")
COUNTED: Final = gather(
    "people dollars euros pounds miles metres meters km kg calories words pages steps rows items yen bucks percent"
    " francs kroner hours days weeks years units points users files bytes watts gb mb"
)
QUOTES: Final = frozenset({"'", "‘"})
SIGNS: Final = frozenset("$£€#%=+")
YEAR_CUES: Final = gather("year circa from to between for class early mid late - –")
FOLLOWERS: Final = gather("i we you he she it they was is were are and or at to did do for with my the our of there")
SENTENCE_ENDS: Final = frozenset(".!?;")
WILL: Final = frozenset({"will", "shall", "won't", "gonna"})
AHEAD: Final = gather("tomorrow due upcoming plan plans planning must remind deadline see")
PAST: Final = gather(
    "was were wasn't weren't did didn't had hadn't been went saw met made said told came got gave took ate bought"
    " left wrote broke began ran sang lost found felt slept spent sent flew drove fell rang kept held paid read ago"
)
NOT_PAST: Final = frozenset({"wed", "need", "indeed", "speed", "hundred"})
BE: Final = gather("am are is i'm we're you're they're")
PRONOUNS: Final = gather("i we you he she it they who")
BEFORE_A_TIME: Final = frozenset({"on", "in", "at", "by", "due", "until"})
OBJECTS: Final = DETERMINERS | {"to", "an", "another"}
NOT_GERUNDS: Final = gather("morning evening during thing something nothing anything everything")
FOREIGN_YEARS: Final = gather("chinese lunar jewish orthodox persian islamic")
YEAR_PLACES: Final = gather("in since until before after year circa around")
