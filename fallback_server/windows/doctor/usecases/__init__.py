"""What doctors write, and cashiers from paper: prescriptions, orders, and their cancellation."""

from __future__ import annotations

from fallback_server.windows.doctor.usecases.cancelling import cancel_order, cancel_prescription
from fallback_server.windows.doctor.usecases.documents import NewLine
from fallback_server.windows.doctor.usecases.ordering import order, print_order, quote_order
from fallback_server.windows.doctor.usecases.prescribing import Paper, prescribe, quote_prescription

__all__ = [
    "NewLine", "Paper", "cancel_order", "cancel_prescription", "order", "prescribe", "print_order", "quote_order",
    "quote_prescription",
]  # fmt: skip
