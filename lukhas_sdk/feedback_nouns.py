"""`client.feedback` and `client.bio`."""

from __future__ import annotations

from lukhas_sdk.contract import bio, feedback
from lukhas_sdk.verbs import Client, Noun, verb


class FeedbackNoun(Noun[Client]):
    @verb
    def give(
        self,
        interaction_id: str,
        rating: feedback.Rating,
        *,
        comment: str | None = None,
        style: feedback.Wish | None = None,
    ) -> feedback.FeedbackReceipt:
        """Rates an answer; given again it replaces the first. `style` is how answers should be written from now on."""
        body = feedback.FeedbackRequest(interaction_id, rating, comment, style)
        return self._client.call(feedback.GIVE, body=body)

    @verb
    def list(self, *, limit: int = 20, cursor: str | None = None) -> feedback.FeedbackListResponse:
        """Newest first."""
        return self._client.call(feedback.LIST, params=feedback.FeedbackListParams(limit, cursor))

    @verb
    def undo(self, feedback_id: str) -> feedback.FeedbackUndone:
        """Takes feedback back, with what it shifted."""
        return self._client.call(feedback.UNDO, params=feedback.FeedbackParams(feedback_id))

    @verb
    def style(self) -> feedback.Style:
        """How answers are written, and why."""
        return self._client.call(feedback.STYLE)

    @verb
    def set_style(
        self,
        *,
        response_style: feedback.ResponseStyle | None = None,
        detail_level: feedback.DetailLevel | None = None,
    ) -> feedback.Style:
        return self._client.call(feedback.SET_STYLE, body=feedback.StyleRequest(response_style, detail_level))

    @verb
    def reset_style(self) -> feedback.Style:
        """Back to the defaults; feedback given before shifts nothing any more."""
        return self._client.call(feedback.RESET_STYLE)


class BioNoun(Noun[Client]):
    @verb
    def show(self) -> bio.BioResponse:
        """The six signals as they are now."""
        return self._client.call(bio.SHOW)
