"""Texts of real autopilots in the words of people."""

from __future__ import annotations

import pytest

from drone.autopilot_words import autopilot_words


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("PreArm: GPS 1: Bad fix", "卫星定位", "satellite"),
        ("PreArm: GPS 1: HDOP 3.2 > 1.4", "精度", "inaccurate"),
        ("Arm: Need Position Estimate", "位置估计", "position estimate"),
        ("PreArm: AHRS: EKF3 not started", "解算", "estimator"),
        ("PreArm: EKF attitude is bad", "解算", "estimator"),
        ("EKF Failsafe: changed to LAND Mode", "失效保护", "failsafe of the estimator"),
        ("Battery 1 is low 10.40V used 2200 mAh", "电量", "battery is low"),
        ("Battery Failsafe - RTL", "低电量保护", "failsafe of the battery"),
        ("GCS Failsafe - RTL", "地面站", "ground station"),
        ("Preflight Fail: No connection to the ground control station", "地面站", "ground station"),
        ("Preflight Fail: ekf2 missing data", "位置估计", "position estimate"),
        ("Preflight Fail: heading estimate not stable", "位置估计", "position estimate"),
        ("PreArm: RC not found", "遥控器", "remote control"),
        ("PreArm: Compass not calibrated", "罗盘", "compass"),
        ("PreArm: Accels inconsistent", "加速度计", "accelerometers"),
        ("PreArm: Vehicle breaching polygon fence", "围栏", "fence"),
        ("Arm: AUTO mode not armable", "模式", "armed in this mode"),
        ("Auto: Missing Takeoff Cmd", "起飞项", "no take-off"),
        ("Arming denied: Resolve system health failures first", "", ""),
    ],
)
def test_known_texts_are_told_in_both_languages_with_the_original(text: str, zh: str, en: str) -> None:
    told = autopilot_words(text)
    assert text in told
    assert zh in told
    assert en in told
    assert (told == text) is (not zh)


@pytest.mark.parametrize(
    "text",
    ["Arming motors", "Disarming motors", "EKF3 IMU0 origin set", "Fence breach cleared", "Mission: 3 WP"],
)
def test_what_is_no_complaint_stays_as_it_is(text: str) -> None:
    assert autopilot_words(text) == text
