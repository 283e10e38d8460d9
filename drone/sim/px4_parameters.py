"""The simulated vehicle's parameters under PX4's names, on top of the ones it flies by."""

from __future__ import annotations

from drone.sim.parameters import INT32, REAL32, ParameterNames, Parameters

_SCALED = {
    "COM_DISARM_PRFLT": ("DISARM_DELAY", 1.0),
    "MPC_XY_CRUISE": ("WPNAV_SPEED", 100.0),
    "MPC_Z_V_AUTO_DN": ("WPNAV_SPEED_DN", 100.0),
    "MPC_Z_V_AUTO_UP": ("WPNAV_SPEED_UP", 100.0),
    "NAV_ACC_RAD": ("WPNAV_RADIUS", 100.0),
    "RTL_RETURN_ALT": ("RTL_ALT", 100.0),
}
"""PX4's name -> the name inside, and the factor to its unit."""
_WHOLE = {"GF_ACTION": 2, "MAV_SYS_ID": 1, "NAV_DLL_ACT": 0, "MIS_TKO_LAND_REQ": 0, "COM_RC_IN_MODE": 4}
_FENCE_ACTIONS = {0: 0, 1: 0, 2: 4, 3: 1, 4: 2, 5: 2}
"""GF_ACTION -> FENCE_ACTION; terminating is shown as landing."""
_CEILING, _AREAS = 1, 4
_RETURN_M = 60.0


class Px4Parameters(ParameterNames):
    """Obeys the same calls as ``Parameters``; whole numbers are INT32, all others REAL32."""

    def __init__(self, inner: Parameters) -> None:
        self._inner = inner
        self._whole = dict(_WHOLE)
        self._ceiling_m = 0.0
        self._names = sorted([*_SCALED, *_WHOLE, "GF_MAX_VER_DIST"])
        inner.set("FENCE_ENABLE", 1)
        inner.set("FENCE_OPTIONS", 0)  # inside every area is inside
        self.set("RTL_RETURN_ALT", _RETURN_M)
        self._pass_on()

    def __getitem__(self, name: str) -> float:
        if name in _SCALED:
            inside, factor = _SCALED[name]
            return self._inner[inside] / factor
        return float(self._whole[name]) if name in self._whole else self._ceiling_m

    def kind(self, name: str) -> int:
        """MAV_PARAM_TYPE of the parameter."""
        return INT32 if name in self._whole else REAL32

    def set(self, name: str, value: float) -> bool:
        """Store a value; False when the name is unknown or the value is out of range."""
        if name in _SCALED:
            inside, factor = _SCALED[name]
            return self._inner.set(inside, value * factor)
        if name == "GF_MAX_VER_DIST" and 0 <= value <= 10_000:
            self._ceiling_m = float(value)
        elif name in self._whole and (
            round(value) in _FENCE_ACTIONS if name == "GF_ACTION" else abs(value) < 1 << 31
        ):
            self._whole[name] = round(value)
        else:
            return False
        self._pass_on()
        return True

    def _pass_on(self) -> None:
        self._inner.set("FENCE_ACTION", _FENCE_ACTIONS[self._whole["GF_ACTION"]])
        self._inner.set("FENCE_TYPE", _AREAS | (_CEILING if self._ceiling_m > 0 else 0))
        self._inner.set("FENCE_ALT_MAX", max(10.0, self._ceiling_m))
        self._inner.set("FS_GCS_ENABLE", 1 if self._whole["NAV_DLL_ACT"] else 0)
