"""`client.consciousness`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lukhas_sdk.contract import consciousness as contract
from lukhas_sdk.contract import reflection
from lukhas_sdk.contract.streams import CONSCIOUSNESS, Awareness, ConsciousnessEvent, FollowParams
from lukhas_sdk.verbs import Client, Noun, feed, verb


class ConsciousnessNoun(Noun[Client]):
    @verb
    def state(self) -> contract.ConsciousnessState:
        return self._client.call(contract.STATE)

    @verb
    def get_awareness(self) -> Awareness:
        """Its `level` is in [0, 1], its `state` the level's name."""
        return self._client.call(contract.AWARENESS)

    @verb
    def reflect(
        self,
        topic: str = reflection.EVERYTHING,
        *,
        depth: int = 3,
        include_emotions: bool = True,
        since: str | None = None,
        seed: int = 0,
    ) -> reflection.Reflection:
        """Topics, preferences and changes in what the caller stored and asked, each with its evidence."""
        body = reflection.ReflectRequest(topic, depth, include_emotions, since, seed)
        return self._client.call(reflection.REFLECT, body=body)

    @feed
    def events(
        self, streams: Sequence[str] = ("awareness",), *, last_id: str | None = None
    ) -> Iterator[ConsciousnessEvent]:
        """What happens, without end: `streams` are of awareness, reflection and stages. A connection that breaks is
        made again and goes on after the last event."""
        params = FollowParams(streams=",".join(streams), last_id=last_id)
        return self._client.events(CONSCIOUSNESS, params=params)
