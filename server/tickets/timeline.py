"""What the timeline of a ticket says, in both languages. Entries are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.tickets.models import Ticket, TimelineEntry

TEXTS: dict[str, tuple[str, str]] = {
    "opened": ("无人机自动上报，置信度 {confidence:.0%}", "Opened by the drone, confidence {confidence:.0%}"),
    "sighting_added": ("再次发现（共 {count} 次）", "Seen again ({count} sightings now)"),
    "sighting_moved_out": ("一次发现改归工单 {other}", "A sighting now belongs to ticket {other}"),
    "sighting_moved_in": ("一次发现由工单 {other} 转入", "A sighting came over from ticket {other}"),
    "seen_again": (
        "办结后再次发现，自动重新打开（共 {count} 次）",
        "Seen again after it was settled: opened again ({count} sightings now)",
    ),
    "sighting_late": (
        "收到一次办结前的发现，不重新打开",
        "A sighting came in late, from before this was settled; not opened again",
    ),
    "grown_together": (
        "与工单 {other} 的人群连成一片（相距 {metres:.0f} 米），如属同一事件请合并",
        "Grown together with ticket {other} ({metres:.0f} m apart); merge them if they are one event",
    ),
    "split_off": (
        "可能由工单 {other} 的人群分出（相距 {metres:.0f} 米）",
        "May have split off ticket {other} ({metres:.0f} m apart)",
    ),
    "split_from": (
        "附近另成一群，见工单 {other}（相距 {metres:.0f} 米）",
        "Another crowd formed beside it: ticket {other} ({metres:.0f} m apart)",
    ),
    "sighting_retracted": (
        "智能识别撤回一次发现，请人工核实",
        "The eye withdrew a sighting; a person has to check",
    ),
    "sighting_confirmed": ("智能识别重新确认", "The eye confirmed the sighting again"),
    "kind_restored": ("撤销合并后恢复为人员聚集", "A gathering again, now that the merge is undone"),
    "kind_returned": (
        "疑似纠纷的发现已改归其他工单，恢复为人员聚集",
        "A gathering again: what looked like a dispute belongs to another ticket",
    ),
    "kind_changed": ("由人员聚集升级为疑似纠纷", "Escalated from a gathering to a possible dispute"),
    "cell_changed": ("定位更准，网格由 {old} 改为 {new}", "Better placed: cell {old} became {new}"),
    "place_adjusted": (
        "全架次画面联合平差：位置移动 {metres:.0f} 米，误差（90%）由 {before_m:.1f} 变为 {ce90_m:.1f} 米",
        "All views of the flight adjusted together: moved by {metres:.0f} m, its error (90 %) from "
        "{before_m:.1f} m to {ce90_m:.1f} m",
    ),
    "place_proposed": (
        "建议更新位置：相距 {metres:.0f} 米，网格 {cell}，误差（90%）{ce90_m:.1f} 米；请坐席采纳或忽略",
        "A better place is proposed: {metres:.0f} m away, cell {cell}, error (90 %) {ce90_m:.1f} m; "
        "the desk adopts it or leaves it",
    ),
    "adopt_place": (
        "采纳建议位置：移动 {metres} 米，网格 {old} → {new}",
        "Proposed place adopted: moved by {metres} m, cell {old} → {new}",
    ),
    "file": ("立案", "Filed"),
    "self_file": ("按规则自动立案", "Filed by rule, without a person"),
    "dispatch": ("派单至 {to}：{note}", "Dispatched to {to}: {note}"),
    "close": ("办结：{note}", "Closed: {note}"),
    "reject": ("不予立案：{note}", "Rejected: {note}"),
    "reopen": ("重新打开", "Reopened"),
    "comment": ("{note}", "{note}"),
    "acknowledge": ("已知悉", "Acknowledged"),
    "mark": ("标注漏检目标 {count} 处", "Marked {count} missed by the eye"),
    "merge": ("并入工单 {other}，移交 {count} 次发现", "Merged into ticket {other}, with {count} sightings"),
    "merged_in": (
        "工单 {other} 并入，转来 {count} 次发现",
        "Ticket {other} was merged in, with {count} sightings",
    ),
    "unmerge": (
        "撤销合并：从工单 {other} 取回 {count} 次发现",
        "Merge undone: {count} sightings came back from ticket {other}",
    ),
    "unmerged_out": (
        "撤销合并：{count} 次发现归还工单 {other}",
        "Merge undone: {count} sightings went back to ticket {other}",
    ),
    "move": ("网格由 {old} 改为 {new}", "Moved from cell {old} to {new}"),
}


def add(session: Session, ticket: Ticket, at: datetime, actor: str, kind: str, **data: Any) -> None:
    """Add an entry.

    Args:
        kind: a key of ``TEXTS``.
        data: what the texts name, and further facts.
    """
    chinese, english = (text.format(**data) for text in TEXTS[kind])
    note = data.get("note")
    if note and "{note}" not in TEXTS[kind][0]:
        chinese, english = f"{chinese}：{note}", f"{english}: {note}"
    session.add(
        TimelineEntry(
            ticket_id=ticket.id, at=at, actor=actor, kind=kind, text_zh=chinese, text_en=english, data=data
        )
    )
    session.flush()
