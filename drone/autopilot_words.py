"""What autopilots say about arming, estimators and failsafes: Chinese, English, the original in brackets.

The originals are STATUSTEXTs of ArduPilot (AP_Arming, AP_AHRS, AP_GPS, AP_BattMonitor, the failsafes of
ArduCopter) and PX4 (health and arming checks, failsafe messages).
"""

from __future__ import annotations

import re

_WORDS: tuple[tuple[str, str, str], ...] = (
    (r"GPS.*(bad fix|no fix|not healthy|too low)|no 3D fix|bad GPS|waiting for GPS",
     "卫星定位未就绪", "no good satellite position yet"),
    (r"GPS.*(hdop|vdop|satellites|accuracy|speed|drift)|not enough satellites",
     "卫星数量或定位精度不足", "too few satellites, or too inaccurate"),
    (r"need position estimate|requires position|(position|velocity|heading) estimate|position required",
     "位置估计未就绪", "the position estimate is not ready"),
    (r"no valid (global|local) position|ekf2 missing data",
     "位置估计未就绪", "the position estimate is not ready"),
    (r"ekf.*failsafe|navigation (failure|error)|estimator.*fail",
     "导航估计失效保护", "failsafe of the estimator"),
    (r"(ahrs|ekf\d?).*(not|waiting|initiali|align|bad|variance|unhealthy)|waiting for estimator",
     "姿态与位置解算尚未收敛", "the estimator is not ready"),
    (r"battery failsafe|battery \d? ?failsafe|low battery.*(return|land|action)",
     "低电量保护", "failsafe of the battery"),
    (r"battery.*(low|critical|below|unhealthy)|low battery|batt.*voltage",
     "电池电量或电压不足", "the battery is low"),
    (r"gcs failsafe|(data ?link|ground control|gcs).*(lost|loss|no connection)",
     "与地面站的链路中断", "no link to the ground station"),
    (r"no connection to the (gcs|ground)", "与地面站的链路中断", "no link to the ground station"),
    (r"\b(radio|rc|manual control)\b.*(failsafe|lost|not|missing)|no (rc|manual control)",
     "遥控器信号缺失或未校准", "no signal of the remote control, or not calibrated"),
    (r"throttle.*(too|not|below|above|failsafe)",
     "油门不在规定位置", "the throttle is not where it must be"),
    (r"fence.*(breach|fail|inval|not)|breach.*fence|geofence.*viol",
     "电子围栏不允许", "the fence forbids it"),
    (r"compass|mag(netometer)? (field|sensor|interf)",
     "罗盘异常或未校准", "the compass is disturbed or not calibrated"),
    (r"accel(s|erometers?)?\b",
     "加速度计异常或未校准", "the accelerometers disagree, or are not calibrated"),
    (r"gyro", "陀螺仪异常或未校准", "the gyroscopes disagree, or are not calibrated"),
    (r"\bbaro|altitude disparity", "气压计异常", "the barometer is disturbed"),
    (r"not armable|arming denied.*mode|mode.*(can't|cannot) (be )?arm",
     "当前模式不允许解锁", "it cannot be armed in this mode"),
    (r"missing takeoff", "航线缺少起飞项", "the mission has no take-off"),
    (r"mission rejected|mission.*invalid|no valid mission", "航线不被接受", "the mission is not accepted"),
    (r"safety (switch|button)", "安全开关未解除", "the safety switch is on"),
    (r"\bleaning\b|not level", "机身未放平", "it does not stand level"),
    (r"vibration", "振动过大", "it vibrates too much"),
    (r"terrain.*(missing|not|no |fail)", "地形数据缺失", "terrain data are missing"),
    (r"^crash", "检测到坠机或侧翻", "a crash was noticed"),
    (r"(logging|sd ?card|storage).*(fail|not|missing|full)", "日志存储不可用", "the log cannot be written"),
    (r"internal error|watchdog|cpu load", "飞控内部错误", "internal error of the autopilot"),
    (r"\b(esc|motor)s?\b.*(fail|fault|error)", "电调或电机异常", "a motor or its controller fails"),
    (r"kill ?switch", "急停开关已触发", "the kill switch is on"),
    (r"home.*not set|no home|waiting for home", "返航点未设置", "home is not set"),
)  # fmt: skip
_FINE = re.compile(
    r"\b(completed?|cleared|restored|resumed|ok|using|origin set|healthy now)\b", re.IGNORECASE
)
"""Good news about the same things."""
_KNOWN = tuple((re.compile(pattern, re.IGNORECASE), zh, en) for pattern, zh, en in _WORDS)


def autopilot_words(text: str) -> str:
    """An autopilot's text as it is shown to people; one that is not known stays as it is.

    >>> autopilot_words("PreArm: GPS 1: Bad fix")
    '卫星定位未就绪 / no good satellite position yet [PreArm: GPS 1: Bad fix]'
    >>> autopilot_words("Flux capacitor charged")
    'Flux capacitor charged'
    >>> autopilot_words("EKF3 IMU0 yaw alignment complete")
    'EKF3 IMU0 yaw alignment complete'
    """
    for pattern, zh, en in () if _FINE.search(text) else _KNOWN:
        if pattern.search(text):
            return f"{zh} / {en} [{text}]"
    return text
