"""The words of the coverage report, one catalogue for each language."""

from __future__ import annotations

from typing import Literal

Language = Literal["zh-CN", "en"]

WORDS: dict[Language, dict[str, str]] = {
    "zh-CN": {
        "title": "巡查覆盖报告",
        "cell": "网格",
        "patrol": "巡查",
        "as_of": "统计至",
        "level": "服务标准：{hours:g} 小时内，精度不低于 {fineness:g} cm/像素，覆盖 {share:.0%} 以上",
        "algorithm": "，由 {algorithm} 看过",
        "met": "达标",
        "not_met": "未达标",
        "served": "达标地面占比",
        "ground": "露天地面",
        "recent": "时限内看过",
        "ever": "曾经看过",
        "missing": "缺口",
        "last": "最近一次看清",
        "never": "从未",
        "fineness": "典型精度（中位）",
        "dwell": "平均停留",
        "seconds": "{value:.1f} 秒",
        "gaps": "最大的缺口",
        "number": "序号",
        "area": "面积",
        "place": "中心（WGS-84）",
        "no_gaps": "没有大于 10 m² 的缺口。",
        "legend": "着色：距今占时限的比例",
        "ages": "1/24 内|1/6 内|一半内|时限内|已过期",
        "gap": "缺口",
        "building": "建筑（不计入地面）",
        "note": "只统计相机真正看到的地面：视线被建筑、树冠或地形挡住的不计。"
        "精度为地面采样距离与运动模糊的合成。",
        "north": "北",
    },
    "en": {
        "title": "Coverage report",
        "cell": "Cell",
        "patrol": "Patrol",
        "as_of": "As of",
        "level": "Service level: within {hours:g} hours, at {fineness:g} cm a pixel or better, "
        "{share:.0%} of the ground",
        "algorithm": ", looked at by {algorithm}",
        "met": "Level met",
        "not_met": "Level not met",
        "served": "Share of ground served",
        "ground": "Open ground",
        "recent": "Seen in time",
        "ever": "Ever seen",
        "missing": "Missing",
        "last": "Last seen",
        "never": "never",
        "fineness": "Typical fineness (median)",
        "dwell": "Mean time in view",
        "seconds": "{value:.1f} s",
        "gaps": "Largest gaps",
        "number": "No.",
        "area": "Area",
        "place": "Middle (WGS-84)",
        "no_gaps": "There is no gap above 10 m².",
        "legend": "Colour: age as a part of the time allowed",
        "ages": "within 1/24|within 1/6|within half|in time|out of time",
        "gap": "gap",
        "building": "building (not counted as ground)",
        "note": "Only ground that the camera truly saw counts: not what buildings, tree crowns or hills hid. "
        "Fineness is the ground sample distance together with motion blur.",
        "north": "N",
    },
}
