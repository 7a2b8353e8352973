"""Alarms on their way out: every few seconds each channel is asked what it still has to say.

A message that went out and whose note was lost with the process is said once more; nothing is ever lost in silence.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain.alerting import Message, Pace, Saying, batches, compose, due
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import alarm_channels, alarms
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store
from sync.worker.channels import Channel, ChannelTrouble

_SYSTEM: Final = Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)
log: Any = structlog.get_logger("yj.worker")


class Sending:
    """The channels of an instance, and what they say in which language, how often."""

    def __init__(
        self, store: Store, channels: Sequence[Channel], pace: Pace, *, language: str = "zh", hospital: str = ""
    ) -> None:
        self._store, self._channels, self._pace = store, channels, pace
        self._language, self._hospital, self._host = language, hospital, socket.gethostname()
        self._met = False

    def look(self) -> None:
        """Say what is due on every channel. Raises nothing: a channel that is down keeps no other from speaking."""
        try:
            if not self._met:
                self.meet()
            self._tidy()
        except (SQLAlchemyError, YjError) as error:
            log.error("alarms_not_sent", error=type(error).__name__)
            return
        for channel in self._channels:
            try:
                self._speak(channel)
            except Exception as error:  # noqa: BLE001  (edge of a channel: whatever it is, the others speak)
                log.error("alarms_not_sent", channel=channel.name, error=type(error).__name__)

    def meet(self) -> None:
        """Make the channels known. Taking the last one away is an alarm for those who look here: nobody else hears of
        anything any more."""
        with self._store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            gone = alarm_channels.meet(tx, [(one.name, one.target) for one in self._channels])
            if self._channels:
                alarms.turn_off(tx, alarms.CHANNELS)
            elif gone:
                alarms.turn_on(
                    tx, alarms.CHANNELS, "none", "最后一个告警通道已取消，告警不再发给任何人。",
                    "The last channel of alarms was taken away: alarms reach nobody.", gone=gone,
                )  # fmt: skip
        self._met = True

    def _tidy(self) -> None:
        """Turn off what complains of a channel that is gone, or that works again: a note may have been lost between."""
        with self._store.reading() as tx:
            down = {f"{alarms.CHANNEL}.{row['name']}" for row in alarm_channels.listed(tx.conn) if row["down"]}
            said = {row["subject"] for row in alarms.on(tx.conn) if row["subject"].startswith(f"{alarms.CHANNEL}.")}
        for subject in sorted(said - down):
            alarms.silence(self._store, subject)

    def _speak(self, channel: Channel) -> None:
        with self._store.reading() as tx:
            row = next((one for one in alarm_channels.listed(tx.conn) if one["name"] == channel.name), None)
            if row is None or alarm_channels.resting(row, tx.now):
                return
            said = alarm_channels.said_by(tx.conn, channel.name)
            # A channel does not complain of itself: it could not, and when it can, it is over.
            heard = [one for one in alarms.newest(tx.conn) if one.subject != _subject(channel)]
            wanted, now = due(heard, said, tx.now, self._pace), tx.now
            sent = alarm_channels.sent_since(tx.conn, channel.name, now - timedelta(hours=1), now)
        for batch in batches(wanted, sent, self._pace):
            message = compose(batch, self._language, self._hospital, self._host, now)
            if self.send(channel, message, batch) is not None:
                return

    def send(self, channel: Channel, message: Message, sayings: Sequence[Saying] = ()) -> str | None:
        """Deliver one message and remember how that went; None where it went out, else why it did not."""
        try:
            channel.send(message)  # outside any transaction: it may take seconds
        except ChannelTrouble as error:
            self._failed(channel, sayings, str(error))
            return str(error)
        with self._store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            was_down = alarm_channels.delivered(tx, channel.name, sayings)
        log.info("alarm_sent", channel=channel.name, alarms=len(sayings))
        if was_down:
            alarms.silence(self._store, _subject(channel))
        return None

    def _failed(self, channel: Channel, sayings: Sequence[Saying], why: str) -> None:
        with self._store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            down = alarm_channels.refused(tx, channel.name, sayings, why)
        log.warning("alarm_not_sent", channel=channel.name, why=why)
        if down:
            alarms.sound(
                self._store, _subject(channel), "down", f"告警通道 {channel.name} 发不出去。",
                f"Alarms do not go out by {channel.name}.", why=why,
            )  # fmt: skip


def _subject(channel: Channel) -> str:
    return f"{alarms.CHANNEL}.{channel.name}"
