"""The conversations that the probabilities are fitted on are what their README says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lukhasd.memory import conversations
from lukhasd.memory.conversations import Conversation
from lukhasd.memory.questions import TOGETHER_OWNER, read_conversations

FOLDER = Path(__file__).parents[1] / "data" / "questions"


@pytest.fixture(scope="module")
def read() -> list[Conversation]:
    return conversations.read(FOLDER / "conversations")


def test_they_are_as_many_and_as_long_as_the_readme_says(read: list[Conversation]) -> None:
    told = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    lengths = sorted(len(one.turns) for one in read)
    asked = [question for one in read for question in one.questions]
    missing = [question for question in asked if not question.answers]
    assert f"{lengths[0]} to {lengths[-1]} turns long" in told
    assert (
        f"{len(asked):,} questions, {len(missing)} of them ({len(missing) / len(asked):.0%})".replace("%)", " %)")
        in told
    )
    kinds = Counter(question.kind.split(", ")[-1] for question in asked)
    assert (
        f"{kinds['written']} of one written turn, {kinds['two turns']} of two or more,"
        f" {kinds['scene']} of a scene, {kinds['never told']} never told, {kinds['of the other']} of the other person"
    ) in told


def test_the_same_files_give_the_same_conversations(read: list[Conversation]) -> None:
    assert conversations.read(FOLDER / "conversations") == read


def test_turns_are_in_order_of_time_and_no_slot_is_left_open(read: list[Conversation]) -> None:
    for one in read:
        times = [turn.said_at for turn in one.turns]
        assert times == sorted(times)
        assert not any("{" in turn.text for turn in one.turns)
        assert not any("{" in question.text for question in one.questions)
        assert {turn.speaker for turn in one.turns} == set(one.people)


def test_a_question_asked_of_the_other_person_is_not_answered(read: list[Conversation]) -> None:
    for one in read:
        answered = {question.text for question in one.questions if question.answers}
        swapped = [question for question in one.questions if question.kind.endswith("of the other")]
        assert swapped
        assert not answered.intersection(question.text for question in swapped)


def test_each_conversation_is_asked_alone_and_among_the_others() -> None:
    questions = read_conversations(FOLDER)
    together = [question for question in questions.questions if question.owner == TOGETHER_OWNER]
    alone = {(question.text, question.group) for question in questions.questions if question.owner != TOGETHER_OWNER}
    assert len(together) * 3 - len(alone) in range(-40, 40)
    assert {(question.text, question.group) for question in together} <= alone
    assert len(questions.items[TOGETHER_OWNER]) > sum(
        len(items) for owner, items in questions.items.items() if owner != TOGETHER_OWNER
    )
