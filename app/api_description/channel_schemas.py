"""The schemas of `GET /v1/status`: how each channel stands, and what may be missing."""

from app.api_description.pieces import JsonSchema, exact_object, nullable, schema_ref
from app.api_description.schemas import COUNT, written_time
from app.channels.store import STATE_WORDS, GapReason


def status_schemas() -> dict[str, JsonSchema]:
    """How the channels stand."""
    gap = exact_object(
        {
            "from": written_time("Events from then on may be missing, by Maven's clock."),
            "to": written_time("The last such time; belongs to it."),
            "reason": {
                "type": "string",
                "description": "`not_polled`: nobody read the queue for longer than Maven keeps events. `crowded`: more"
                " events bear one time than a page holds. `no_way_on`: a page said that there are more, and not where."
                " `position_reset`: the position was of no use and reading began anew.",
                "enum": [reason.value for reason in GapReason],
            },
            "recordedAt": written_time("When this was found."),
            "closedAt": nullable(written_time("When all of it was read after all.")),
        },
        "A time whose events may be missing.",
    )
    common: dict[str, JsonSchema] = {
        "lastEventAt": nullable(written_time("When an event of ours last came that was not here before.")),
        "lastSuccessAt": nullable(written_time("When the channel last worked: all of the queue was read, say.")),
        "lagSeconds": {"type": ["number", "null"], "minimum": 0, "description": "Time since then; of `poll` alone."},
        "cursor": nullable(written_time("Time of the newest event read, by Maven's clock; of `poll` alone.")),
        "errorsInRow": COUNT,
        "gaps": {"type": "array", "items": schema_ref("Gap"), "description": "The ones found last come first."},
    }
    polled: dict[str, JsonSchema] = {
        "state": {
            "type": "string",
            "enum": [*STATE_WORDS],
            "description": "How polling goes. `off`: nobody ever did. `idle`: it went well, and nobody does now.",
        },
        "lastErrorAt": nullable(written_time("When a reading last failed.")),
        "lastError": {"type": ["string", "null"], "description": "Why, while it fails."},
        "lastReconciledAt": nullable(written_time("When the last days were last read again.")),
    }
    channels = {
        "webhook": schema_ref("Channel"),
        "poll": schema_ref("PolledChannel"),
        "replay": schema_ref("Channel"),
    }
    return {
        "Gap": gap,
        "Channel": exact_object(common, "How a channel stands."),
        "PolledChannel": exact_object({**common, **polled}, "How Maven's queue stands."),
        "Status": exact_object(
            {"channels": exact_object(channels, "By the words of the events' `channel`.")}, "How events come in."
        ),
    }
